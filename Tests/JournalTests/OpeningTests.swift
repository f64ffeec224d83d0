import Foundation
import GRDB
import Glibc
import Testing

@testable import Journal

@Suite struct `Opening a journal` {
  @Test func `commits are durable: the writer's synchronous is FULL`() async throws {
    try await withStateDirectory { state in
      for _ in 1...2 {
        let journal = try Journal(stateDirectory: state)
        #expect(try await journal.writerSynchronous() == 2)
        try await journal.close()
      }
    }
  }

  @Test func `the directory is made for its owner alone, with its parents`() async throws {
    try await withStateDirectory { state in
      let deep = state + "/a/b"
      let journal = try Journal(stateDirectory: deep)
      let top = URL(filePath: state).deletingLastPathComponent().path
      for made in [top, state, state + "/a", deep] {
        let mode = try FileManager.default.attributesOfItem(atPath: made)[.posixPermissions]
        #expect(mode as? Int == 0o700, "\(made)")
      }
      try await journal.close()
    }
  }

  @Test func `the identity is made once and differs between directories`() async throws {
    try await withStateDirectory { state in
      var seen: [String] = []
      for directory in [state, state, state + "2"] {
        let journal = try Journal(stateDirectory: directory)
        seen.append(journal.identity)
        try await journal.close()
      }
      #expect(seen[0] == seen[1])
      #expect(seen[0] != seen[2])
      #expect(seen[0].count == 32)
    }
  }

  @Test func `a second daemon is refused and told who the first one is`() async throws {
    try await withStateDirectory { state in
      try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
      let stale = String(repeating: "left by somebody who wrote more than we do ", count: 50)
      try Data(stale.utf8).write(to: URL(filePath: state + "/lock"))
      let first = try Journal(stateDirectory: state)
      let error = #expect(throws: JournalError.self) { try Journal(stateDirectory: state) }
      guard case .locked(state, let holder) = error else {
        Issue.record("not locked: \(String(describing: error))")
        return
      }
      #expect(holder.contains("process \(getpid()) on \(ProcessInfo.processInfo.hostName)"))
      try await first.close()
      try await Journal(stateDirectory: state).close()
    }
  }

  @Test func `the lock of a killed daemon is taken over`() async throws {
    try await withStateDirectory { state in
      await #expect(processExitsWith: .signal(SIGKILL)) { [state = state as String] in
        let journal = try Journal(stateDirectory: state)
        _ = kill(getpid(), SIGKILL)
        try await journal.close()
      }
      let left = try String(contentsOfFile: state + "/lock", encoding: .utf8)
      #expect(!left.contains("\"pid\":\(getpid()),"), "the child's lock file stands: \(left)")
      let journal = try Journal(stateDirectory: state)
      let taken = try String(contentsOfFile: state + "/lock", encoding: .utf8)
      #expect(taken.contains("\"pid\":\(getpid()),"), "\(taken)")
      try await journal.close()
    }
  }

  @Test(arguments: ["a page of zeros", "a broken tree", "a foreign file"])
  func `a damaged file gives a clear error and is left as it is`(damage: String) async throws {
    try await withStateDirectory { state in
      let journal = try Journal(stateDirectory: state)
      try await journal.insert(
        job(journal.makeID(at: noon), frames: 2000), frames: sequence(2000), claims: [])
      try await journal.close()

      let file = state + "/journal.sqlite"
      var bytes = try Data(contentsOf: URL(filePath: file))
      switch damage {
      case "a page of zeros": bytes.replaceSubrange(0..<4096, with: Data(count: 4096))
      case "a broken tree": for page in 25..<35 { bytes[page * 4096 + 8] ^= 0xff }
      default: bytes = Data("not a database, but somebody's notes\n".utf8)
      }
      try bytes.write(to: URL(filePath: file))

      for readOnly in [true, false] {
        let error = #expect(throws: JournalError.self) {
          readOnly
            ? try Journal(readingStateDirectory: state) : try Journal(stateDirectory: state)
        }
        guard case .damaged(file, _) = error else {
          Issue.record("not damaged: \(String(describing: error))")
          return
        }
        #expect("\(error!)".contains("left as it is"))
        #expect(try Data(contentsOf: URL(filePath: file)) == bytes)
      }
    }
  }

  @Test func `a journal of a newer version is refused and left as it is`() async throws {
    try await withStateDirectory { state in
      try await Journal(stateDirectory: state).close()
      let file = state + "/journal.sqlite"
      let queue = try DatabaseQueue(path: file)
      try await queue.write {
        try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999 of tomorrow')")
      }
      try queue.close()
      let bytes = try Data(contentsOf: URL(filePath: file))
      #expect(throws: JournalError.newer(path: file)) { try Journal(stateDirectory: state) }
      #expect(try Data(contentsOf: URL(filePath: file)) == bytes)
    }
  }

  @Test func `network file systems are refused by type`() {
    #expect(isNetworkFileSystem(0x6969), "NFS")
    #expect(isNetworkFileSystem(0xff53_4d42), "CIFS")
    #expect(!isNetworkFileSystem(0xef53), "ext4")
    #expect(!isNetworkFileSystem(0x5846_5342), "XFS")
    #expect(!isNetworkFileSystem(0x9123_683e), "Btrfs")
  }

  @Test func `reading needs no lock, sees what the daemon wrote and cannot write`() async throws {
    try await withStateDirectory { state in
      let file = state + "/journal.sqlite"
      #expect(throws: JournalError.absent(path: file)) {
        try Journal(readingStateDirectory: state)
      }
      #expect(!FileManager.default.fileExists(atPath: state))

      let daemon = try Journal(stateDirectory: state)
      let id = daemon.makeID(at: noon)
      try await daemon.insert(job(id), frames: [], claims: [])
      let beside = try Journal(readingStateDirectory: state)
      #expect(try await beside.jobs().map(\.id) == [id])
      await #expect(throws: JournalError.readOnly(path: file)) {
        try await beside.setDurable(id)
      }
      try await beside.close()
      try await daemon.close()

      let alone = try Journal(readingStateDirectory: state)
      #expect(alone.identity == daemon.identity)
      #expect(try await alone.jobs().map(\.id) == [id])
      try await alone.close()
    }
  }

  @Test func `a closed journal says so`() async throws {
    try await withStateDirectory { state in
      let journal = try Journal(stateDirectory: state)
      try await journal.close()
      await #expect(throws: JournalError.closed) { try await journal.jobs() }
      await #expect(throws: JournalError.closed) { try await journal.setValue(nil, for: "a") }
      try await journal.close()
    }
  }
}
