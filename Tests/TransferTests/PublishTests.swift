import Files
import Glibc
import Paths
import Synchronization
import Testing

@testable import Transfer

struct PublishTests {
  @Test func `a new directory is never seen with a part of its 400 frames`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(400, bytes: 100)
    let receipts = try await transfer().stage(plan)
    let seen = Lister.watch("\(arena.outPath)/proj/v001/beauty")
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    let counts = seen.end()
    #expect(counts == [0, 400] || counts == [400] || counts == [0])
  }

  @Test func `an existing directory fills without a part of a frame ever seen`() async throws {
    let arena = try Arena()
    try arena.write([1], RelativePath("proj/v001/beauty/notes.txt")!, in: arena.out)
    let plan = try arena.frames(50)
    let receipts = try await transfer().stage(plan)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
    #expect(try arena.read(RelativePath("proj/v001/beauty/notes.txt")!, in: arena.out) == [1])
  }

  @Test func `a hard link whose source is written to after it was published is published still`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(2, action: .hardlink)
    let receipts = try await transfer().stage(plan)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    try arena.hot.open(plan.files[0].source, O_WRONLY).truncate(to: 10)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
  }

  @Test func `a file that is there with the same bytes is already there`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(3)
    try arena.write(noise(3000, seed: 2), plan.files[1].destination, in: arena.out)
    let survey = try await transfer().survey(plan)
    let receipts = try await transfer().stage(plan)
    #expect(survey == [1: .identical(receipts[1].digest)])
    #expect(receipts.map(\.method).filter { $0 == .present }.count == 1)
    let inode = try arena.out.status(plan.files[1].destination).snapshot.inode
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.out.status(plan.files[1].destination).snapshot.inode == inode)
  }

  @Test
  func `different bytes, a directory, a symlink or the source itself is a conflict before staging`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(6)
    try arena.write(noise(3000, seed: 99), plan.files[0].destination, in: arena.out)
    try arena.makeDirectories(plan.files[1].destination, in: arena.out)
    #expect(symlink("/etc/passwd", "\(arena.outPath)/\(plan.files[2].destination)") == 0)
    try arena.write([1], plan.files[3].destination, in: arena.out)
    let linked = try arena.plan(plan.files.map { ($0.source, $0.destination) })
    try arena.hot.link(linked.files[4].source, to: arena.out, linked.files[4].destination)
    let current = try arena.plan(plan.files.map { ($0.source, $0.destination) })
    let before = try arena.tree(arena.out)
    let error = await failure { () async throws(TransferError) in
      try await transfer().stage(current)
    }
    guard case .conflict(let conflicts) = error else { throw error ?? .cancelled }
    #expect(
      conflicts.map(\.reason) == [
        .different, .notAFile(.directory), .notAFile(.symlink), .different, .sameFile,
      ])
    #expect(try arena.tree(arena.out) == before)
  }

  @Test func `under skip, different frames stay as they are and the others arrive`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(4, conflict: .skip)
    try arena.write([9], plan.files[2].destination, in: arena.out)
    let receipts = try await transfer().stage(plan)
    #expect(receipts.map(\.index) == [0, 1, 3])
    try await transfer().confirm(plan, receipts)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: [2]))
    #expect(try arena.read(plan.files[2].destination, in: arena.out) == [9])
    #expect(try arena.out.holds(plan.files[3].destination))
  }

  @Test func `a foreign file that comes before the first rename holds the whole, invisibly`()
    async throws
  {
    let arena = try Arena()
    let directory = RelativePath("proj/v001/beauty")!
    try arena.makeDirectories(directory, in: arena.out)
    let plan = try arena.frames(4)
    let receipts = try await transfer().stage(plan)
    let foreign = plan.files[0].destination
    // At the last moment: between the look and the rename.
    let fault = Fault(.rename, call: 1) {
      try? arena.write([5], foreign, in: arena.out)
      return nil
    }
    let outcome = try await transfer(fault).publish(plan, receipts)
    #expect(outcome == .held([Conflict(index: 0, destination: foreign, reason: .different)]))
    // Staging and the foreign file.
    #expect(try arena.out.openDirectory(directory).entries().count == 2)
    #expect(try arena.read(foreign, in: arena.out) == [5])
    try arena.out.unlink(foreign)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
  }

  @Test func `a foreign file that comes after the first rename blocks, and is never replaced`()
    async throws
  {
    let arena = try Arena()
    try arena.makeDirectories(RelativePath("proj/v001/beauty")!, in: arena.out)
    let plan = try arena.frames(4)
    let receipts = try await transfer().stage(plan)
    let foreign = plan.files[2].destination
    let fault = Fault(.rename, call: 3) {
      try? arena.write([5], foreign, in: arena.out)
      return nil
    }
    let outcome = try await transfer(fault).publish(plan, receipts)
    #expect(outcome == .blocked([Conflict(index: 2, destination: foreign, reason: .different)]))
    #expect(try arena.read(foreign, in: arena.out) == [5])
    #expect(try await transfer().publish(plan, receipts) == outcome)
    try arena.out.unlink(foreign)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
  }

  @Test func `a directory that comes at the last moment is filled instead of renamed onto`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(4)
    let receipts = try await transfer().stage(plan)
    let other = RelativePath("proj/v001/alpha/alpha.1001.exr")!
    let fault = Fault(.rename, call: 1) {
      try? arena.write([5], other, in: arena.out)
      return nil
    }
    #expect(try await transfer(fault).publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.read(other, in: arena.out) == [5])
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
  }

  @Test(arguments: [FaultPoint.rename, .syncDirectory], [false, true])
  func `publishing cut off after any number of calls is finished by doing it again`(
    point: FaultPoint, intoExisting: Bool
  ) async throws {
    for cut in 1...7 {
      let arena = try Arena()
      if intoExisting { try arena.makeDirectories(RelativePath("a")!, in: arena.out) }
      let names = try (0..<6).map { number in
        let source = RelativePath("f.\(number)")!
        try arena.write(noise(500, seed: UInt64(number)), source, in: arena.hot)
        return (source, RelativePath("a/\(number % 2 == 0 ? "" : "b/")g.\(number)")!)
      }
      let plan = try arena.plan(names)
      let receipts = try await transfer().stage(plan)
      let fault = Fault(point, calls: cut...1000) { .inputOutput }
      _ = await failure { () async throws(TransferError) in
        try await transfer(fault).publish(plan, receipts)
      }
      #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
      #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
      #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
      #expect(try await transfer().discard(plan) == .removed(files: 0))
      #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    }
  }

  @Test func `a file that is neither staged nor published holds what is not visible yet`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(2)
    let receipts = try await transfer().stage(plan)
    try arena.out.unlink(
      RelativePath(".hotplate-\(plan.id)/tree")!.appending(plan.files[0].destination))
    let missing = Conflict(index: 0, destination: plan.files[0].destination, reason: .missing)
    #expect(try await transfer().publish(plan, receipts) == .held([missing]))
    #expect(try !arena.out.holds(RelativePath("proj")!))
  }

  @Test(arguments: [false, true])
  func `on a file system without rename flags, nothing is replaced either`(intoExisting: Bool)
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(3)
    if intoExisting { try arena.makeDirectories(plan.files[0].destination.parent, in: arena.out) }
    let receipts = try await transfer().stage(plan)
    let refused = Fault(.rename, calls: 1...1000) { .invalid }
    if intoExisting {
      let foreign = plan.files[1].destination
      let late = Fault(.rename, calls: 1...1000) {
        try? arena.write([5], foreign, in: arena.out)
        return .invalid
      }
      let outcome = try await transfer(late).publish(plan, receipts)
      #expect(outcome == .blocked([Conflict(index: 1, destination: foreign, reason: .different)]))
      #expect(try arena.read(foreign, in: arena.out) == [5])
      try arena.out.unlink(foreign)
    }
    #expect(try await transfer(refused).publish(plan, receipts) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
    #expect(try await transfer().discard(plan) == .removed(files: 0))
  }

  @Test func `what may not be durable is not called published`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(2)
    let receipts = try await transfer().stage(plan)
    let fault = Fault(.syncDirectory, call: 1) { .inputOutput }
    let error = await failure { () async throws(TransferError) in
      try await transfer(fault).publish(plan, receipts)
    }
    guard case .io = error else { throw error ?? .cancelled }
  }

  @Test func `a full disk while publishing is an error that passes`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(2)
    let receipts = try await transfer().stage(plan)
    let error = await failure { () async throws(TransferError) in
      try await transfer(Fault(.rename, call: 1) { .noSpace }).publish(plan, receipts)
    }
    guard case .destinationFull = error else { throw error ?? .cancelled }
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
  }

  @Test func `frames cut short by a power cut are found by digest and staged again`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(3)
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    // Full size and zero, as seen after a cut: with the time that it was given, or the one from before that.
    for (index, modified) in [receipts[1].source.modified, receipts[2].birth - 1].enumerated() {
      let file = try arena.out.open(plan.files[index + 1].destination, O_WRONLY)
      try [UInt8](repeating: 0, count: 3000).withUnsafeBytes { try file.write($0, at: 0) }
      try file.setModified(modified)
    }
    let old = receipts.map { $0.with(bootID: "before") }
    let left = try await transfer().recheck(plan, old)
    #expect(left.map(\.index) == [0] && left.allSatisfy(\.durable))
    let again = try await transfer().stage(plan, keeping: left)
    #expect(try await transfer().publish(plan, again) == .published(skipped: []))
    #expect(try arena.isPublished(plan, sources: arena.sources(plan)))
  }

  @Test func `what somebody wrote to a published frame is his, also behind a power cut`()
    async throws
  {
    let arena = try Arena()
    let plan = try arena.frames(2)
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    let file = try arena.out.open(plan.files[1].destination, O_WRONLY)
    let graded = noise(3000, seed: 9)
    try graded.withUnsafeBytes { try file.write($0, at: 0) }
    // As it is behind the next tick of the clock.
    try file.setModified(try #require(receipts[1].written) + 4_000_000_000)
    let old = receipts.map { $0.with(bootID: "before") }
    let left = try await transfer().recheck(plan, old)
    #expect(left.map(\.index) == [0])
    let restaged = try await transfer().restage(plan, [old[1]])
    let path = plan.files[1].destination
    #expect(
      restaged.failure == .conflict([Conflict(index: 1, destination: path, reason: .written)]))
    guard case .blocked = try await transfer().publish(plan, left, lost: [old[1]]) else {
      Issue.record("a frame is missing")
      return
    }
    #expect(try arena.read(plan.files[1].destination, in: arena.out) == graded)
  }

  @Test func `a background sync turns the receipts durable`() async throws {
    let arena = try Arena()
    let plan = try arena.frames(2)
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    #expect(!receipts[0].durable)
    #expect(try await transfer().sync(plan, receipts).map(\.durable) == [true, true])
  }
}

/// Lists a directory as fast as it can on a thread of its own, and remembers how many entries it saw.
private final class Lister: Sendable {
  private let stop = StopFlag()
  private let started = StopFlag()
  private let ended = StopFlag()
  private let counts = Mutex<Set<Int>>([])

  static func watch(_ path: String) -> Lister {
    let lister = Lister()
    let context = Unmanaged.passRetained(Context(lister, path))
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { argument in
        let context = Unmanaged<Context>.fromOpaque(argument!).takeRetainedValue()
        context.lister.look(context.path)
        return nil
      }, context.toOpaque())
    while !lister.started.isRaised { sched_yield() }
    return lister
  }

  func end() -> Set<Int> {
    stop.raise()
    while !ended.isRaised { sched_yield() }
    return counts.withLock { $0 }
  }

  private func look(_ path: String) {
    repeat {
      let count = (try? Descriptor.directory(at: path).entries().count) ?? 0
      counts.withLock { _ = $0.insert(count) }
      started.raise()
    } while !stop.isRaised
    ended.raise()
  }

  private final class Context: Sendable {
    let lister: Lister
    let path: String
    init(_ lister: Lister, _ path: String) {
      self.lister = lister
      self.path = path
    }
  }
}
