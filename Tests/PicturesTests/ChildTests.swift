import CLinux
import Foundation
import ReadModel
import TestSupport
import Testing

@testable import Pictures

/// Tools that do not behave, and requests that are given up.
@Suite struct ChildTests {
  /// Ignores SIGTERM, as do its children; forks twice into a session of its own, once with its environment and once
  /// without; then it says that it is there, and sleeps. Each writes its number.
  private func stubborn(_ studio: Studio) -> String {
    let place = studio.folder.path
    return """
      trap '' TERM
      cd \(place)
      escape() { "$@" bash -c 'echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 1000' "$name" & }
      name=\(place)/escaped; ( escape setsid & )
      name=\(place)/unmarked; ( escape env -i setsid & )
      name=\(place)/beside; ( escape env & )
      echo $$ > leader.new; mv leader.new leader
      exec sleep 1000
      """
  }

  private let names = ["leader", "escaped", "unmarked", "beside"]

  private func processes(_ studio: Studio) throws -> [pid_t] {
    try names.map {
      try #require(pid_t(try studio.text($0).trimmingCharacters(in: .whitespacesAndNewlines)))
    }
  }

  private func left(_ processes: [pid_t]) -> [pid_t] { processes.filter { kill($0, 0) == 0 } }

  @Test
  func
    `a tool that ignores SIGTERM, forks twice and leaves its session is gone when a cancel returns`()
    async throws
  {
    try await inStudio { studio in
      try studio.install(stubborn(studio))
      let pictures = try studio.pictures(
        searchPath: studio.tools, Child.Limits(grace: .milliseconds(100)))
      let job = doneJob(try studio.make("a.exr"))
      let request = Task { await answer(pictures, job) }
      try await awaitState("all four to stand") { names.allSatisfy(studio.exists) }
      let processes = try processes(studio)
      #expect(left(processes) == processes)
      request.cancel()
      #expect(await request.value == .failure(.cancelled))
      #expect(left(processes) == [])
      #expect(markedProcesses() == [])
      #expect(try studio.kept() == [])
    }
  }

  @Test func `a tool that takes too long is ended with all it started, and the answer says so`()
    async throws
  {
    try await inStudio { studio in
      try studio.install(stubborn(studio))
      let pictures = try studio.pictures(
        searchPath: studio.tools, Child.Limits(time: .seconds(2), grace: .milliseconds(100)))
      let job = doneJob(try studio.make("a.exr"))
      #expect(await answer(pictures, job).why == "oiiotool took longer than 2 s")
      #expect(left(try processes(studio)) == [])
      #expect(markedProcesses() == [])
    }
  }

  @Test func `what a tool leaves behind when it ends by itself is gone before the answer`()
    async throws
  {
    try await inStudio { studio in
      let place = studio.folder.path
      try studio.install(
        """
        read -r _ < <( setsid bash -c 'echo $$ > \(place)/escaped; echo; exec sleep 1000 >&-' )
        exec \(oiiotool) "$@"
        """)
      let pictures = try studio.pictures(searchPath: studio.tools)
      let picture = try await pictures.picture(.first, of: doneJob(try studio.make("a.exr")))
      #expect(JPEGSize(picture)?.width == 320)
      let id = try studio.text("escaped").trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(left([try #require(pid_t(id))]) == [])
    }
  }

  @Test func `several who ask for the same picture share one tool, and one of them may go`()
    async throws
  {
    try await inStudio { studio in
      let gate = try studio.fifo("gate")
      try studio.install("read -r _ < \(gate); exec \(oiiotool) \"$@\"")
      let pictures = try studio.pictures(searchPath: studio.tools)
      let job = doneJob(try studio.make("a.exr"))
      let requests = (0..<3).map { _ in Task { await answer(pictures, job) } }
      try await awaitState("three to wait") { await pictures.queue.waiters == 3 }
      requests[0].cancel()
      #expect(await requests[0].value == .failure(.cancelled))
      try await open(gate)
      let first = try await requests[1].value.get()
      #expect(try await requests[2].value.get() == first)
      #expect(pictures.started == 1)
    }
  }

  @Test func `who asks while the picture is given up has it made anew`() async throws {
    try await inStudio { studio in
      let gate = try studio.fifo("gate")
      try studio.install(
        """
        trap 'touch \(studio.folder.path)/told; read -r _ < \(gate); exit 0' TERM
        [ -e \(studio.folder.path)/told ] && exec \(oiiotool) "$@"
        touch \(studio.folder.path)/there
        sleep 1000 & wait
        """)
      let pictures = try studio.pictures(
        searchPath: studio.tools, Child.Limits(grace: .seconds(60)))
      let job = doneJob(try studio.make("a.exr"))
      let first = Task { await answer(pictures, job) }
      try await awaitState("the tool to stand") { studio.exists("there") }
      first.cancel()
      try await awaitState("the tool to be told") { studio.exists("told") }
      let second = Task { await answer(pictures, job) }
      try await awaitState("both to wait") { await pictures.queue.waiters == 2 }
      try await open(gate)
      #expect(await first.value == .failure(.cancelled))
      #expect(JPEGSize(try await second.value.get())?.width == 320)
      #expect(pictures.started == 2)
    }
  }

  @Test func `beyond the bound who asks is told to come again, and who goes frees a place`()
    async throws
  {
    try await inStudio { studio in
      let gate = try studio.fifo("gate")
      try studio.install("read -r _ < \(gate); exec \(oiiotool) \"$@\"")
      let pictures = try studio.pictures(searchPath: studio.tools, waiting: 1)
      let jobs = try (0..<3).map { doneJob(try studio.make("\($0).exr"), id: "job-\($0)") }
      let running = Task { await answer(pictures, jobs[0]) }
      try await awaitState("one to run") { pictures.started == 1 }
      let waiting = Task { await answer(pictures, jobs[1]) }
      try await awaitState("one to wait") { await pictures.queue.waiters == 2 }
      guard case .failure(.busy(let why)) = await answer(pictures, jobs[2]) else {
        Issue.record("not refused")
        return
      }
      #expect(why.contains("wait"))
      waiting.cancel()
      #expect(await waiting.value == .failure(.cancelled))
      let next = Task { await answer(pictures, jobs[2]) }
      try await awaitState("another to wait") { await pictures.queue.waiters == 2 }
      try await open(gate)
      #expect(JPEGSize(try await running.value.get()) != nil)
      try await open(gate)
      #expect(JPEGSize(try await next.value.get()) != nil)
      #expect(pictures.started == 2)
    }
  }

  @Test func `at the end tools are ended, and who waits or asks is refused`() async throws {
    try await inStudio { studio in
      try studio.install(stubborn(studio))
      let pictures = try studio.pictures(
        searchPath: studio.tools, Child.Limits(grace: .milliseconds(100)))
      let jobs = try (0..<3).map { doneJob(try studio.make("\($0).exr"), id: "job-\($0)") }
      let running = Task { await answer(pictures, jobs[0]) }
      try await awaitState("all four to stand") { names.allSatisfy(studio.exists) }
      let waiting = Task { await answer(pictures, jobs[1]) }
      try await awaitState("one to wait") { await pictures.queue.waiters == 2 }
      await pictures.stop()
      #expect(left(try processes(studio)) == [])
      let ending = Result<[UInt8], PictureRefusal>.failure(.busy("Hotplate is ending"))
      #expect(await running.value == ending)
      #expect(await waiting.value == ending)
      #expect(await answer(pictures, jobs[2]) == ending)
      #expect(pictures.started == 1)
      #expect(try studio.kept() == [])
    }
  }

  @Test func `two tools at a time each end with what is theirs alone`() async throws {
    try await inStudio { studio in
      let gates = try ["gate-0", "gate-1"].map(studio.fifo)
      // The first leaves a process behind and ends; the second, which is there already, must not be hurt by that.
      try studio.install(
        """
        if mkdir \(studio.folder.path)/first 2>/dev/null; then
          read -r _ < \(gates[0])
          read -r _ < <( setsid bash -c 'echo; exec sleep 1000 >&-' )
        else
          read -r _ < <( setsid bash -c 'echo $$ > \(studio.folder.path)/other; echo; exec sleep 1000 >&-' )
          touch \(studio.folder.path)/second
          read -r _ < \(gates[1])
          kill -0 $(cat \(studio.folder.path)/other) || exit 7
        fi
        exec \(oiiotool) "$@"
        """)
      let pictures = try Pictures(
        stateDirectory: studio.state, atOnce: 2, searchPath: studio.tools)
      let jobs = try (0..<2).map { doneJob(try studio.make("\($0).exr"), id: "job-\($0)") }
      let first = Task { await answer(pictures, jobs[0]) }
      try await awaitState("the first to stand") { studio.exists("first") }
      let second = Task { await answer(pictures, jobs[1]) }
      try await awaitState("the second to stand") { studio.exists("second") }
      try await open(gates[0])
      #expect(JPEGSize(try await first.value.get()) != nil)
      try await open(gates[1])
      #expect(JPEGSize(try await second.value.get()) != nil)
      #expect(markedProcesses() == [])
    }
  }

  @Test func `a process that was there before is nobody's remainder`() async throws {
    try await inStudio { studio in
      // An orphan in a session of its own, as a process 1 is handed some.
      _ = hp_set_subreaper(1)
      let bystander = try Command.run(["bash", "-c", "setsid sleep 1000 & echo $!"]).out
      let id = try #require(pid_t(bystander.trimmingCharacters(in: .whitespacesAndNewlines)))
      defer {
        kill(id, SIGKILL)
        waitpid(id, nil, 0)
        _ = hp_set_subreaper(0)
      }
      try await awaitState("it to be handed over") {
        ProcessEntry(id)?.parent == getpid() && ProcessEntry(id)?.session == id
      }
      let picture = try await studio.pictures().picture(
        .first, of: doneJob(try studio.make("a.exr")))
      #expect(JPEGSize(picture)?.width == 320)
      #expect(ProcessEntry(id)?.isZombie == false)
    }
  }

  @Test func `what a tool started before its bounds were set has them too, and ends with it`()
    async throws
  {
    let descendants = Descendants.begin()
    let ids = try (0..<2).map { _ in
      let id = try Command.run(["bash", "-c", "setsid sleep 1000 & echo $!"]).out
      return try #require(pid_t(id.trimmingCharacters(in: .whitespacesAndNewlines)))
    }
    try await awaitState("both to be handed over") {
      ids.allSatisfy { ProcessEntry($0)?.parent == getpid() && ProcessEntry($0)?.session == $0 }
    }
    descendants.limit(
      ids[0], hp_limits(address_space: 1 << 30, file_size: 4096, cpu_seconds: 35, nice: 10))
    for id in ids {
      let limits = try String(contentsOfFile: "/proc/\(id)/limits", encoding: .utf8)
      #expect(limits.contains(" \(1 << 30) "))
    }
    #expect(descendants.end(within: .seconds(10)))
    #expect(left(ids) == [])
  }

  /// Lets one reader of the FIFO go on, once it is there.
  private func open(_ gate: String) async throws {
    var file: Int32 = -1
    // ENXIO until somebody reads.
    try await awaitState("a reader of \(gate)", within: .seconds(10)) {
      file = Glibc.open(gate, O_WRONLY | O_CLOEXEC | O_NONBLOCK)
      return file >= 0
    }
    guard write(file, "\n", 1) == 1 else { throw Failure("write \(gate)") }
    close(file)
  }
}
