import Files
import Glibc
import Paths
import Synchronization
import Testing

@testable import Transfer

/// A delivery that is published, with what an undo needs to know of it.
private struct Published {
  let arena: Arena
  let plan: TransferPlan
  let receipts: [Receipt]
  let made: [MadeDirectory]
  let sources: [[UInt8]]
  /// What the destination held before.
  let before: [RelativePath: String]

  init(
    _ arena: Arena, _ count: Int = 3, action: TransferPlan.Action = .copy,
    into directory: String = "proj/v001/beauty", conflict: TransferPlan.ConflictRule = .hold,
    verify: TransferPlan.Verification = .copy, linked: Bool = true,
    change: (TransferPlan) throws -> Void = { _ in }
  ) async throws {
    self.arena = arena
    plan = try arena.frames(
      count, into: directory, action: action, conflict: conflict, verify: verify)
    sources = try arena.sources(plan)
    try change(plan)
    before = try arena.tree(arena.out)
    let noLinks = linked ? nil : Fault(.link, calls: 1...1000) { .crossDevice }
    receipts = try await transfer(noLinks).stage(plan)
    made = try await transfer().stagedDirectories(plan)
    #expect(try await transfer().publish(plan, receipts) == .published(skipped: []))
    if plan.isMove {
      let removals = try await transfer().removeSources(plan, receipts)
      #expect(removals.allSatisfy { if case .removed = $0.result { true } else { false } })
    }
    _ = try await transfer().discard(plan, replacedBy: receipts)
  }

  /// All of an undo, as the engine goes through it.
  ///
  /// - Returns: what became of each file, or the obstacle for which all stayed as it was.
  func undo(
    _ faults: FaultHook? = nil, isSecured: Bool = false, secured: () -> Void = {}
  ) async throws(TransferError) -> [UndoResult] {
    let transfer = Transfer(workers: CopyWorkers(count: 1), faults: faults)
    let standings = try await transfer.secureSources(plan, receipts)
    if !standings.obstacles.isEmpty, !isSecured {
      try await transfer.withdrawSources(
        plan, receipts, created: standings.created)
      return []
    }
    secured()
    let report = try await transfer.removePublished(
      plan, receipts, standings.secured, made: made)
    try await transfer.closeUndo(plan, receipts.map(\.index))
    let all = standings.left.merging(report.results) { $1 }
    return all.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Frames that lie whole neither at their source nor at their destination, nor on the way between.
  func lost() throws -> [Int] {
    try plan.files.indices.filter { index in
      let file = plan.files[index]
      let aside = FileName(".hotplate-\(plan.id).undo")
      let places = [
        (arena.hot, file.source), (arena.out, file.destination),
        (arena.out, file.destination.parent.appending(aside).appending(file.destination.name!)),
      ]
      return try !places.contains { root, path in
        try root.holds(path) && arena.read(path, in: root) == sources[index]
      }
    }
  }

  var isUndone: Bool {
    get throws {
      let names = Set(try arena.tree(arena.hot).keys)
      let expected = Set(plan.files.map(\.source)).union([RelativePath("shot")!])
      return try arena.tree(arena.out) == before && names == expected
        && arena.sources(plan) == sources
    }
  }
}

@Suite struct UndoTests {
  @Test(arguments: [
    (TransferPlan.Action.copy, true), (.move, true), (.move, false), (.hardlink, true),
    (.symlink, true),
  ])
  func `an undo leaves the destination as it was and every source in its place`(
    action: TransferPlan.Action, linked: Bool
  ) async throws {
    let arena = try Arena()
    let done = try await Published(arena, 20, action: action, linked: linked)
    #expect(try await transfer().obstacle(toUndo: done.plan, done.receipts) == nil)
    let results = try await done.undo()
    #expect(results == Array(repeating: .removed, count: 20))
    #expect(try done.isUndone)
    if action == .move, !linked {
      let times = try done.plan.files.map { try arena.hot.status($0.source).snapshot.modified }
      #expect(times == done.plan.files.map(\.snapshot.modified))
    }
    // It can be delivered again as if nothing had been.
    let again = try arena.plan(
      done.plan.files.map { ($0.source, $0.destination) }, id: "again", action: action)
    let receipts = try await transfer().stage(again)
    #expect(try await transfer().publish(again, receipts) == .published(skipped: []))
  }

  @Test(arguments: [true, false])
  func `a move comes back across file systems with every byte and time`(isFull: Bool) async throws {
    let arena = try Arena()
    guard let volume = Volume.tmpfs(at: arena.hotPath, size: "256k") else {
      try Test.cancel("needs root: mounts a tmpfs")
    }
    // The descriptor of the arena is of what lies underneath.
    let hot = try Descriptor.directory(at: arena.hotPath)
    var files: [PlannedFile] = []
    for number in 1...4 {
      let source = RelativePath("shot/name.\(number).exr")!
      try arena.write(noise(30_000, seed: UInt64(number)), source, in: hot)
      files.append(
        PlannedFile(
          source: source, snapshot: try hot.status(source).snapshot,
          destination: RelativePath("v001/name.\(number).exr")!))
    }
    let plan = TransferPlan(
      id: "far", action: .move, verify: .copy, durability: .safe, conflict: .hold, files: files,
      sourceRoot: arena.hotPath, destinationRoot: arena.outPath, owner: "state-1")
    let receipts = try await transfer().stage(plan)
    _ = try await transfer().publish(plan, receipts)
    _ = try await transfer().removeSources(plan, receipts)
    _ = try await transfer().discard(plan)
    if isFull { try arena.write(noise(200_000, seed: 9), RelativePath("filler")!, in: hot) }
    let (before, published) = (try arena.tree(hot), try arena.tree(arena.out))

    if isFull {
      let error = await failure { () async throws(TransferError) in
        _ = try await transfer().secureSources(plan, receipts)
      }
      guard case .io(let cause, _) = error else { return #expect(Bool(false), "\(error as Any)") }
      #expect(cause.errno == .noSpace)
      try await transfer().withdrawSources(plan, receipts)
      #expect(try arena.tree(hot) == before)
      #expect(try arena.tree(arena.out) == published)
    } else {
      let standings = try await transfer().secureSources(plan, receipts)
      #expect(standings.secured.count == 4)
      let report = try await transfer().removePublished(plan, receipts, standings.secured)
      try await transfer().closeUndo(plan, receipts.map(\.index))
      #expect(report.results.values.allSatisfy { $0 == .removed })
      for (number, file) in zip(1..., files) {
        #expect(try arena.read(file.source, in: hot) == noise(30_000, seed: UInt64(number)))
        #expect(try hot.status(file.source).snapshot.modified == file.snapshot.modified)
      }
      #expect(try arena.tree(hot).keys.allSatisfy { !$0.name!.bytes.starts(with: [0x2e]) })
    }
    withExtendedLifetime(volume) {}
  }

  @Test func `a move's directory that its owner removed is made again`() async throws {
    let arena = try Arena()
    let done = try await Published(arena, action: .move)
    try arena.hot.removeDirectory(RelativePath("shot")!)
    _ = try await done.undo()
    #expect(try done.isUndone)
  }

  // MARK: what is refused

  @Test(arguments: ["gone", "rewritten", "replaced by a symlink"])
  func `where a source is not what was published, everything stays published`(how: String)
    async throws
  {
    let arena = try Arena()
    let done = try await Published(arena)
    let published = try arena.tree(arena.out)
    let source = done.plan.files[1].source
    switch how {
    case "gone": try arena.hot.unlink(source)
    case "rewritten": try arena.write(noise(3000, seed: 77), source, in: arena.hot)
    default:
      try arena.hot.unlink(source)
      symlink("name.1001.exr", "\(arena.hotPath)/\(source)")
    }
    let standings = try await transfer().secureSources(done.plan, done.receipts)
    #expect(
      standings.obstacles == [1: how == "gone" ? .sourceMissing(source) : .sourceChanged(source)])
    #expect(try arena.tree(arena.out) == published)
    // Its size does not tell.
    let obvious = try await transfer().obstacle(toUndo: done.plan, done.receipts)
    #expect((obvious == nil) == (how == "rewritten"))
  }

  @Test(arguments: [true, false])
  func `where a moved source's name is taken, nothing comes back and nothing goes`(linked: Bool)
    async throws
  {
    let arena = try Arena()
    let done = try await Published(arena, action: .move, linked: linked)
    let source = done.plan.files[1].source
    try arena.write([4, 2], source, in: arena.hot)
    let (hot, out) = (try arena.tree(arena.hot), try arena.tree(arena.out))
    #expect(try await transfer().obstacle(toUndo: done.plan, done.receipts) == .sourceTaken(source))
    let noLinks = linked ? nil : Fault(.link, calls: 1...1) { .crossDevice }
    #expect(try await done.undo(noLinks?.hook) == [])
    #expect(try arena.tree(arena.hot) == hot)
    #expect(try arena.tree(arena.out) == out)
  }

  @Test func `a moved source that somebody copied back serves as the source`() async throws {
    let arena = try Arena()
    let done = try await Published(arena, action: .move)
    try arena.write(done.sources[1], done.plan.files[1].source, in: arena.hot)
    let theirs = try arena.hot.status(done.plan.files[1].source).snapshot.inode
    #expect(try await done.undo() == [.removed, .removed, .removed])
    #expect(try done.isUndone)
    #expect(try arena.hot.status(done.plan.files[1].source).snapshot.inode == theirs)
  }

  @Test func `what replaced older files is not undone, for they are gone`() async throws {
    let arena = try Arena()
    let done = try await Published(arena, conflict: .replace) { plan in
      for file in plan.files.prefix(2) { try arena.write([1, 2], file.destination, in: arena.out) }
    }
    #expect(try await transfer().obstacle(toUndo: done.plan, done.receipts) == .replaced(2))
  }

  @Test func `what was there before is neither removed nor looked for at the source`() async throws
  {
    let arena = try Arena()
    let done = try await Published(arena) { plan in
      let file = plan.files[0]
      try arena.write(try arena.read(file.source, in: arena.hot), file.destination, in: arena.out)
    }
    try arena.hot.unlink(done.plan.files[0].source)
    #expect(try await done.undo() == [.removed, .removed])
    #expect(try arena.tree(arena.out) == done.before)
    let present = done.receipts.filter { $0.method == .present }
    #expect(present.count == 1)
    #expect(try await transfer().obstacle(toUndo: done.plan, present) == .nothing)
  }

  // MARK: what is kept

  enum Change: CaseIterable { case rewritten, sameTime, replaced, gone, opened }

  @Test(arguments: Change.allCases, [TransferPlan.Action.copy, .move])
  func `a published file that is no longer what was published is kept, the others go`(
    change: Change, action: TransferPlan.Action
  ) async throws {
    let arena = try Arena()
    let done = try await Published(arena, action: action, linked: false)
    let path = done.plan.files[1].destination
    var writer: Descriptor?
    switch change {
    case .rewritten: try arena.write(noise(3000, seed: 50), path, in: arena.out)
    case .sameTime:
      let file = try arena.out.open(path, O_WRONLY)
      try noise(3000, seed: 50).withUnsafeBytes { try file.write($0, at: 0) }
      try file.setModified(done.plan.files[1].snapshot.modified)
    case .replaced:
      try arena.out.unlink(path)
      try arena.write(done.sources[1], path, in: arena.out)
    case .gone: try arena.out.unlink(path)
    case .opened: writer = try arena.out.open(path, O_WRONLY)
    }
    let there = change == .gone ? nil : try arena.read(path, in: arena.out)
    let inode = change == .gone ? nil : try arena.out.status(path).snapshot.inode
    let results = try await done.undo()
    let expected: UndoResult =
      switch change {
      case .gone: .alreadyGone
      case .opened: .kept(.beingWritten)
      default: .kept(.changed)
      }
    #expect(results == [.removed, expected, .removed])
    if let there {
      #expect(try arena.read(path, in: arena.out) == there)
      #expect(try arena.out.status(path).snapshot.inode == inode)
      #expect(try arena.tree(arena.out).count { $0.value != "directory" } == 1)
    }
    // A kept file's source is where it was before: with a move, nowhere.
    #expect(try arena.hot.holds(done.plan.files[1].source) == (action == .copy))
    #expect(
      try !arena.tree(arena.hot).keys.contains { $0.name!.bytes.starts(with: stagingPrefix.utf8) })
    withExtendedLifetime(writer) {}
  }

  @Test(arguments: [FaultPoint.claim, .unlink])
  func `a version saved over a published file at the last moment is never removed`(
    point: FaultPoint
  ) async throws {
    let arena = try Arena()
    let done = try await Published(arena, 1)
    let path = done.plan.files[0].destination
    let save = Fault(point, call: 1) {
      let new = RelativePath("proj/new")!
      try? arena.write([4, 2], new, in: arena.out)
      try? arena.out.rename(new, to: arena.out, path, .plain)
      return nil
    }
    #expect(try await done.undo(save.hook) == [point == .claim ? .kept(.changed) : .removed])
    #expect(try arena.read(path, in: arena.out) == [4, 2])
    #expect(try arena.stagings.isEmpty)
  }

  @Test func `a changed file whose name is taken meanwhile stays beside it`() async throws {
    let arena = try Arena()
    let done = try await Published(arena, 1)
    let path = done.plan.files[0].destination
    let changes = Counter()
    let save: FaultHook = { point, _ in
      guard point == .claim || point == .rename else { return nil }
      changes.add(1)
      let new = RelativePath("proj/new")!
      try? arena.write([UInt8(changes.value)], new, in: arena.out)
      try? arena.out.rename(new, to: arena.out, path, .plain)
      return nil
    }
    let aside = path.parent.appending(FileName(".hotplate-\(done.plan.id).undo"))
      .appending(path.name!)
    #expect(try await done.undo(save) == [.kept(.aside(aside))])
    #expect(try arena.read(path, in: arena.out) == [2])
    #expect(try arena.read(aside, in: arena.out) == [1])
  }

  @Test(arguments: [TransferPlan.Action.copy, .move])
  func `a source that its owner changes after the proof keeps its published file`(
    action: TransferPlan.Action
  ) async throws {
    let arena = try Arena()
    let done = try await Published(arena, action: action, linked: false)
    let source = done.plan.files[1].source
    let change = {
      try? arena.hot.unlink(source)
      try? arena.write([4, 2], source, in: arena.hot)
    }
    let results = try await done.undo(secured: { _ = change() })
    #expect(results == [.removed, .kept(.sourceChanged), .removed])
    #expect(try arena.read(source, in: arena.hot) == [4, 2])
    #expect(try arena.read(done.plan.files[1].destination, in: arena.out) == done.sources[1])
  }

  @Test func `of the directories, those of the job go when they are empty, others stay`()
    async throws
  {
    let arena = try Arena()
    try arena.makeDirectories(RelativePath("proj/v001")!, in: arena.out)
    let names = [
      "proj/v001/beauty/a.1.exr", "proj/v001/depth/a.1.exr", "proj/v001/a.1.exr",
      "proj/v002/new/a.1.exr",
    ]
    let done = try await Published(arena, 4) { _ in }
    _ = done
    let sources = (1...4).map { RelativePath("shot/name.\(1000 + $0).exr")! }
    let plan = try arena.plan(zip(sources, names.map { RelativePath($0)! }).map { $0 }, id: "two")
    let receipts = try await transfer().stage(plan)
    let made = try await transfer().stagedDirectories(plan)
    _ = try await transfer().publish(plan, receipts)
    _ = try await transfer().discard(plan)
    try arena.write([1], RelativePath("proj/v002/new/foreign")!, in: arena.out)
    let standings = try await transfer().secureSources(plan, receipts)
    let report = try await transfer().removePublished(
      plan, receipts, standings.secured, made: made)
    #expect(report.directories == [RelativePath("proj/v001/depth")!])
    let left = try arena.tree(arena.out)
    #expect(left[RelativePath("proj/v002/new/foreign")!] != nil)
    #expect(left[RelativePath("proj/v001/beauty")!] != nil, "the first job's")
  }

  // MARK: cut off

  @Test(arguments: [(TransferPlan.Action.copy, true), (.move, true), (.move, false)])
  func `an undo cut off before any call loses no frame, and the next one ends it`(
    action: TransferPlan.Action, linked: Bool
  ) async throws {
    var calls = 0
    while true {
      let arena = try Arena()
      let done = try await Published(arena, 2, action: action, linked: linked)
      let count = Counter()
      let dies = death(after: calls, count, linked: linked)
      let isSecured = Mutex(false)
      let end = await failure { () async throws(TransferError) in
        _ = try await done.undo(dies) { isSecured.withLock { $0 = true } }
      }
      #expect(try done.lost() == [], "call \(calls)")
      if count.value <= calls {
        #expect(end == nil)
        #expect(try done.isUndone)
        break
      }
      let results = try await done.undo(isSecured: isSecured.withLock { $0 })
      #expect(results.allSatisfy { $0 == .removed || $0 == .alreadyGone }, "call \(calls)")
      #expect(try done.isUndone, "call \(calls)")
      calls += 1
    }
    #expect(calls > 10)
  }

  @Test func `a file that an undo had taken aside has its name again once its source is gone`()
    async throws
  {
    let arena = try Arena()
    let done = try await Published(arena, 2)
    let stop = StopFlag()
    let cut = Transfer(
      workers: CopyWorkers(count: 1),
      faults: { point, _ in
        if point == .claim { stop.raise() }
        return nil
      })
    let standings = try await cut.secureSources(done.plan, done.receipts)
    _ = await failure { () async throws(TransferError) in
      try await cut.removePublished(done.plan, done.receipts, standings.secured, stop: stop)
    }
    let first = done.plan.files[0]
    #expect(try !arena.out.holds(first.destination), "it was not taken aside")
    try arena.hot.unlink(first.source)
    let results = try await done.undo(isSecured: true)
    #expect(results == [.removed], "the first one has no source to be proven by")
    #expect(try arena.read(first.destination, in: arena.out) == done.sources[0])
    #expect(
      try !arena.tree(arena.out).keys.contains { $0.name!.bytes.starts(with: ".hotplate".utf8) })
  }

  @Test(arguments: [true, false])
  func `giving sources back, cut off before any call, can be taken back whole`(linked: Bool)
    async throws
  {
    var calls = 0
    while true {
      let arena = try Arena()
      let done = try await Published(arena, 2, action: .move, linked: linked)
      let (hot, out) = (try arena.tree(arena.hot), try arena.tree(arena.out))
      let count = Counter()
      let dies = death(after: calls, count, linked: linked)
      let dying = Transfer(workers: CopyWorkers(count: 1), faults: dies)
      let standings = try? await dying.secureSources(done.plan, done.receipts)
      let given = count.value
      if standings != nil {
        _ = try? await dying.withdrawSources(done.plan, done.receipts)
      }
      let isOver = count.value <= calls
      try await transfer().withdrawSources(done.plan, done.receipts)
      #expect(try arena.tree(arena.hot) == hot, "call \(calls)")
      #expect(try Set(arena.tree(arena.out).keys) == Set(out.keys), "call \(calls)")
      #expect(try done.lost() == [])
      if isOver {
        #expect(given > 0)
        break
      }
      calls += 1
    }
    #expect(calls > 10)
  }

  @Test func `a rename of two steps, cut off between them, is ended at once`() async throws {
    let arena = try Arena()
    let done = try await Published(arena, 2)
    let path = done.plan.files[0].destination
    let aside = path.parent.appending(FileName(".hotplate-\(done.plan.id).undo"))
    try arena.out.makeDirectory(aside)
    try arena.out.link(path, to: arena.out, aside.appending(path.name!))
    #expect(try await done.undo() == [.removed, .removed])
    #expect(try done.isUndone)
  }

  @Test func `a start puts nothing back that an undo left half copied`() async throws {
    let arena = try Arena()
    let part = RelativePath("shot/.hotplate-\(1).undo/name.1001.exr")!
    try arena.write([1], part, in: arena.hot)
    let before = try arena.tree(arena.hot)
    #expect(try await transfer().putBack(arena.hotPath, undoing: ["1"]) == [])
    let told = PutBack(source: RelativePath("shot/name.1001.exr")!, aside: part)
    #expect(try await transfer().putBack(arena.hotPath) == [told])
    #expect(told.delivery == "1")
    #expect(try arena.tree(arena.hot) == before)
  }

  @Test func `a start removes the second names that went along with a directory moved in an undo`()
    async throws
  {
    let arena = try Arena()
    let frame = RelativePath("shot/name.1001.exr")!
    try arena.write([1], frame, in: arena.hot)
    let before = try arena.tree(arena.hot)
    let aside = RelativePath("shot/.hotplate-1.undo")!
    try arena.hot.makeDirectory(aside, mode: 0o700)
    try arena.hot.link(frame, to: arena.hot, aside.appending(frame.name!))
    let pending = try arena.tree(arena.hot)
    #expect(try await transfer().putBack(arena.hotPath, undoing: ["1"]) == [])
    #expect(try arena.tree(arena.hot) == pending)
    #expect(try await transfer().putBack(arena.hotPath) == [])
    #expect(try arena.tree(arena.hot) == before)
  }

  @Test(arguments: [true, false], [true, false])
  func `what was given back and its owner wrote to is his, and stays when the undo is taken back`(
    linked: Bool, keepsTime: Bool
  ) async throws {
    let arena = try Arena()
    let done = try await Published(arena, 2, action: .move, linked: linked)
    let copying = death(after: 1_000, Counter(), linked: linked)
    let transfer = Transfer(workers: CopyWorkers(count: 1), faults: copying)
    let standings = try await transfer.secureSources(done.plan, done.receipts)
    let source = done.plan.files[0].source
    let graded = noise(done.sources[0].count, seed: 77)
    let file = try arena.hot.open(source, O_WRONLY)
    try graded.withUnsafeBytes { try file.write($0, at: 0) }
    // A second name of what was published tells of a write by its time alone.
    if keepsTime, !linked { try file.setModified(done.receipts[0].source.modified) }
    try await transfer.withdrawSources(done.plan, done.receipts, created: standings.created)
    #expect(try arena.read(source, in: arena.hot) == graded)
    #expect(try !arena.hot.holds(done.plan.files[1].source))
    let published = try arena.read(done.plan.files[0].destination, in: arena.out)
    #expect(published == (linked ? graded : done.sources[0]))
    #expect(
      try !arena.tree(arena.hot).keys.contains { $0.name!.bytes.starts(with: ".hotplate".utf8) })
  }

  @Test func `a stop leaves what is on its way for the next call`() async throws {
    let arena = try Arena()
    let done = try await Published(arena)
    let standings = try await transfer().secureSources(done.plan, done.receipts)
    let stop = StopFlag()
    let raise = Fault(.claim, call: 1) {
      stop.raise()
      return nil
    }
    let error = await failure { () async throws(TransferError) in
      _ = try await Transfer(workers: CopyWorkers(count: 1), faults: raise.hook).removePublished(
        done.plan, done.receipts, standings.secured, stop: stop)
    }
    #expect(error == .cancelled)
    #expect(try done.lost() == [])
    #expect(try await done.undo() == [.removed, .removed, .removed])
    #expect(try done.isUndone)
  }

  @Test func `another volume at the destination is not touched`() async throws {
    let arena = try Arena()
    let done = try await Published(arena)
    guard let volume = Volume.tmpfs(at: arena.outPath, size: "1m") else {
      try Test.cancel("needs root: mounts a tmpfs")
    }
    let error = await failure { () async throws(TransferError) in
      _ = try await transfer().obstacle(toUndo: done.plan, done.receipts)
    }
    #expect(error == .destinationReplaced(arena.outPath))
    withExtendedLifetime(volume) {}
  }

  /// From some call on, the process is no more.
  ///
  /// - Parameter linked: whether a second name of a published file may lie beside its source.
  private func death(after calls: Int, _ count: Counter, linked: Bool) -> FaultHook {
    let links = Counter()
    return { point, _ in
      count.add(1)
      if count.value > calls { return .inputOutput }
      guard !linked, point == .link else { return nil }
      links.add(1)
      // The first of each pair asks for that name, the second gives the copy its own.
      return links.value % 2 == 1 ? .crossDevice : nil
    }
  }
}
