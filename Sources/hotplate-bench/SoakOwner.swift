import CLinux
import Files
import Foundation
import Glibc
import TestSupport

/// Everybody who drops frames into the hot folder, and changes their mind.
///
/// All of it happens on one thread, so that the ledger knows at each moment what is whose.
final class SoakOwner {
  let ground: SoakGround
  let ledger: SoakLedger
  var numbers: SeededNumbers
  var drops: [SoakDrop] = []
  var writers: [SoakWriter] = []
  var sentinels: [(path: String, until: ContinuousClock.Instant)] = []
  var fullUntil: ContinuousClock.Instant?
  /// What was done, by name.
  var deeds: [String: Int] = [:]
  var dropCount = 0
  /// Files taken away from the destinations, to make room or way.
  var cleared = 0
  /// What has not ended, as last heard.
  var busy: [JobView] = []
  let stopwatch: SoakStopwatch
  /// The staging of the drop that was chosen because it has some.
  private var struck: String?

  private let mostDrops = 24
  private var contents: UInt64 = 0
  private var due: [String: ContinuousClock.Instant] = [:]

  init(_ ground: SoakGround, _ ledger: SoakLedger, _ stopwatch: SoakStopwatch, seed: UInt64) {
    self.ground = ground
    self.ledger = ledger
    self.stopwatch = stopwatch
    numbers = SeededNumbers(seed: seed)
  }

  /// Does what is due, and a little of all writing.
  func tick() throws {
    writers.removeAll { !$0.goOn(by: Int.random(in: 4096...65_536, using: &numbers)) }
    let now = ContinuousClock.now
    for sentinel in sentinels where sentinel.until < now { unlink(sentinel.path) }
    sentinels.removeAll { $0.until < now }
    if let until = fullUntil, until < now {
      ground.empty()
      fullUntil = nil
    }
    try every(0.3...1.2, "drop") { try bringMore() }
    try every(2...3, "listen") {
      busy = try ground.jobs(newest: 80)?.filter { !$0.hasEnded } ?? busy
    }
    every(1...4, "sentinel") { dropSentinel() }
    every(4...12, "remove directory") { if let drop = anyDrop() { removeDirectory(drop) } }
    every(4...12, "rename directory") { renameDirectory() }
    every(6...20, "move out") { moveOut() }
    every(8...20, "move back") { moveBack() }
    try every(2...6, "rewrite") { try rewrite() }
    every(3...10, "remove frame") { removeFrame() }
    try every(4...10, "late frame") { try addFrame() }
    try every(3...8, "command") { try cancelByCommand() }
    try every(6...20, "retry") { try retry() }
    try every(20...50, "full disk") { try fillDisk() }
    every(1...2, "retire") { retire() }
  }

  private func every(
    _ seconds: ClosedRange<Double>, _ name: String, _ body: () throws -> Void
  ) rethrows {
    let wait = Duration.seconds(Double.random(in: seconds, using: &numbers))
    guard let next = due[name] else {
      // The first one comes early, so that a short soak has some of each.
      due[name] = .now + wait * Double.random(in: 0...0.4, using: &numbers)
      return
    }
    guard next < .now else { return }
    try body()
    due[name] = .now + wait
  }

  func count(_ deed: String) { deeds[deed, default: 0] += 1 }

  // MARK: Bringing

  private func bringMore() throws {
    guard drops.count(where: { $0.directory != nil }) < mostDrops else { return }
    // Each kind has its turn first.
    let kinds = ground.kinds
    try bring(
      dropCount < kinds.count ? kinds[dropCount] : kinds.randomElement(using: &numbers)!)
  }

  func bring(_ kind: SoakGround.Kind) throws {
    dropCount += 1
    let shot = String(String(1_000_000 + dropCount).dropFirst())
    let parent = try parentDirectory()
    let drop = SoakDrop(kind, shot, in: "\(parent)/in\(shot)")
    let count = Int.random(in: 1...40, using: &numbers)
    // Some are large, so that much can happen while they are copied.
    let isLarge = !kind.isNarrow && Int.random(in: 0..<5, using: &numbers) == 0
    let frames = (1...count).map { makeContent(drop, $0, share: count, isLarge: isLarge) }
    drops.append(drop)
    if Bool.random(using: &numbers) {
      guard mkdir(drop.directory!, 0o755) == 0 else { throw SystemError("mkdir", drop.directory!) }
      writers.append(writer(drop, frames))
    } else {
      let made = "\(ground.made)/in\(shot)"
      guard mkdir(made, 0o755) == 0 else { throw SystemError("mkdir", made) }
      for frame in frames {
        try FrameFactory.write(
          frame.content, to: Array("\(made)/\(ground.name(kind, shot, frame.number))".utf8))
        drop.contents[frame.number] = frame.digest
        ledger.own(frame.digest)
      }
      guard rename(made, drop.directory!) == 0 else { throw SystemError("rename", made) }
    }
  }

  /// Some KB to some MB, fewer where there are many.
  private func makeContent(
    _ drop: SoakDrop, _ number: Int, share count: Int, isLarge: Bool = false
  ) -> (number: Int, digest: UInt64, content: [UInt8]) {
    contents += 1
    let most = Double(drop.kind.isNarrow ? 6 << 20 : 12 << 20) / Double(count)
    let bytes =
      isLarge
      ? Int.random(in: 500_000...3_000_000, using: &numbers)
      : Int(exp(Double.random(in: log(2048)...log(min(most, 4_000_000)), using: &numbers)))
    let content = FrameFactory.content(seed: numbers.seed &+ contents, bytes: bytes)
    let digest = contentDigest(content)
    ledger.begin(
      digest, to: ground.destination(drop.kind, drop.shot, number),
      replaces: drop.kind == .replacements, bytes: bytes)
    return (number, digest, content)
  }

  private func writer(
    _ drop: SoakDrop, _ frames: [(number: Int, digest: UInt64, content: [UInt8])],
    file: Int32 = -1
  ) -> SoakWriter {
    SoakWriter(drop, frames, ledger, file: file) { [ground] number in
      drop.directory.map { "\($0)/\(ground.name(drop.kind, drop.shot, number))" }
    }
  }

  private func parentDirectory() throws -> String {
    var path = ground.drop
    for letter in ["d", "e", "f"] {
      if Int.random(in: 0..<3, using: &numbers) == 0 { break }
      path += "/\(letter)\(Int.random(in: 0...2, using: &numbers))"
    }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  private func addFrame() throws {
    guard let drop = anyDrop(), let last = drop.contents.keys.max(), last < 60 else { return }
    writers.append(writer(drop, [makeContent(drop, last + 1, share: 20)]))
    count("late frame")
  }

  private func rewrite() throws {
    guard let drop = anyDrop(), let number = drop.contents.keys.randomElement(using: &numbers)
    else { return }
    let path = "\(drop.directory!)/\(ground.name(drop.kind, drop.shot, number))"
    let isBeingWritten = writers.contains { $0.drop === drop }
    if drop.kind.mayBeWrittenInPlace, !isBeingWritten, Bool.random(using: &numbers) {
      let file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
      guard file >= 0 else { return }
      let frame = makeContent(drop, number, share: 20)
      guard ftruncate(file, 0) == 0 else {
        close(file)
        return
      }
      ledger.disown(drop.contents[number]!)
      drop.contents[number] = frame.digest
      writers.append(writer(drop, [frame], file: file))
    } else {
      let frame = makeContent(drop, number, share: 20)
      let new = "\(ground.made)/rewritten"
      unlink(new)
      try FrameFactory.write(frame.content, to: Array(new.utf8))
      // What it takes the place of is known, even if somebody else takes it away in this moment.
      guard hp_rename(AT_FDCWD, new, AT_FDCWD, path, hp_rename_exchange) == 0 else { return }
      ledger.own(frame.digest)
      ledger.disown(drop.contents[number]!)
      drop.contents[number] = frame.digest
      unlink(new)
    }
    count("frame rewritten")
  }

  // MARK: Calling off

  /// A drop that still lies in the hot folder; often one that is being copied, or worked on, where there is one.
  func anyDrop() -> SoakDrop? {
    let there = drops.filter { $0.isInside && $0.directory != nil }
    struck = nil
    if Int.random(in: 0..<5, using: &numbers) < 2, let (drop, staging) = ambush(there) {
      struck = staging
      return drop
    }
    let worked = there.filter { drop in
      busy.contains { $0.source.directory == drop.directory! }
    }
    if !worked.isEmpty, Bool.random(using: &numbers) {
      return worked.randomElement(using: &numbers)
    }
    return there.randomElement(using: &numbers)
  }

  /// Lies in wait for staging to appear, for no longer than half a second.
  private func ambush(_ drops: [SoakDrop]) -> (SoakDrop, String)? {
    let places = ground.destinations.flatMap { root in
      [root] + ground.kinds.map { "\(root)/\($0.rawValue)" }
    }
    let deadline = ContinuousClock.now + .milliseconds(500)
    while .now < deadline {
      for place in places {
        for name in names(in: place, where: isStaging) {
          var drop: SoakDrop?
          forEachFile(below: "\(place)/\(name)", includingOurs: true) { _, file, _ in
            let shot = "\(file)".split(separator: ".").first?.dropFirst()
            drop = drop ?? drops.first { shot == $0.shot[...] }
          }
          if let drop { return (drop, "\(place)/\(name)") }
        }
      }
      usleep(1000)
    }
    return nil
  }

  /// Takes the time of a cancel that is about to happen, if its job has staging.
  private func time(_ kind: String) {
    if let struck { stopwatch.start(kind, struck) }
    struck = nil
  }

  private func dropSentinel() {
    guard let drop = anyDrop(), let directory = drop.directory else { return }
    let (kind, scope, name): (String, String, String) =
      switch Int.random(in: 0..<5, using: &numbers) {
      case 0, 1: (".cancel", directory, ".cancel")
      case 2: (".cancel above", (directory as NSString).deletingLastPathComponent, ".cancel")
      default: ("STEM.cancel", directory, "\(drop.kind.letter)\(drop.shot).cancel")
      }
    let path = "\(scope)/\(name)"
    time(kind)
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { return stopwatch.forget(kind) }
    close(file)
    let stay = Duration.milliseconds(Int.random(in: 0...6000, using: &numbers))
    sentinels.append((path, .now + stay))
    count(kind)
  }

  func removeDirectory(_ drop: SoakDrop, as deed: String = "directory removed") {
    guard let directory = drop.directory else { return }
    if drop.isInside { time(deed) }
    count(deed)
    // Whoever makes something in it meanwhile makes it stay for another round.
    for _ in 0..<20 where rmdir(directory) != 0 && errno != ENOENT { empty(directory, drop) }
    drop.directory = access(directory, F_OK) == 0 ? directory : nil
    if drop.directory == nil { drop.retired = .now }
  }

  private func empty(_ directory: String, _ drop: SoakDrop) {
    let frames = Dictionary(
      uniqueKeysWithValues: drop.contents.keys.map { (ground.name(drop.kind, drop.shot, $0), $0) })
    guard let open = try? Descriptor.directory(at: directory), let entries = try? open.entries()
    else { return }
    for entry in entries {
      let name = String(decoding: entry.name.bytes, as: UTF8.self)
      let path = "\(directory)/\(name)"
      if entry.kind == .directory {
        empty(path, drop)
        rmdir(path)
      } else if let number = frames[name], !directory.contains("/.hotplate-") {
        // A name that is gone before is not removed by its owner: its frame must be elsewhere.
        if unlink(path) == 0 { ledger.disown(drop.contents[number]!) }
      } else {
        // In a claim lies what Hotplate has already delivered, or is about to put back.
        let content = try? Data(contentsOf: URL(fileURLWithPath: path))
        if unlink(path) == 0, let content { ledger.disown(contentDigest(Array(content))) }
      }
    }
  }

  private func renameDirectory() {
    guard let drop = anyDrop(), let directory = drop.directory, let parent = try? parentDirectory()
    else { return }
    let new = "\(parent)/in\(drop.shot)-\(Int.random(in: 0...999, using: &numbers))"
    time("directory renamed")
    guard rename(directory, new) == 0 else { return stopwatch.forget("directory renamed") }
    drop.directory = new
    count("directory renamed")
  }

  private func moveOut() {
    guard let drop = anyDrop(), let directory = drop.directory else { return }
    let new = "\(ground.outside)/in\(drop.shot)"
    time("directory moved out")
    guard rename(directory, new) == 0 else { return stopwatch.forget("directory moved out") }
    drop.directory = new
    drop.isInside = false
    count("directory moved out")
  }

  private func moveBack() {
    guard
      let drop = drops.filter({ !$0.isInside && $0.directory != nil })
        .randomElement(using: &numbers),
      let parent = try? parentDirectory()
    else { return }
    let new = "\(parent)/in\(drop.shot)-back"
    guard rename(drop.directory!, new) == 0 else { return }
    drop.directory = new
    drop.isInside = true
    count("directory moved back")
  }

  private func removeFrame() {
    guard let drop = anyDrop(), let number = drop.contents.keys.randomElement(using: &numbers)
    else { return }
    guard unlink("\(drop.directory!)/\(ground.name(drop.kind, drop.shot, number))") == 0 else {
      return
    }
    ledger.disown(drop.contents[number]!)
    count("frame removed")
  }

  private func cancelByCommand() throws {
    _ = anyDrop()
    let hit = struck.map { String(($0 as NSString).lastPathComponent.dropFirst(10)) }
    guard let job = hit ?? busy.randomElement(using: &numbers)?.id else { return }
    time("hotplate cancel")
    guard try ground.hotplate(["cancel", job, "--why", "soak"]).status == 0 else {
      return stopwatch.forget("hotplate cancel")
    }
    count("hotplate cancel")
  }

  private func retry() throws {
    let ended = try ground.jobs(newest: 80)?.filter {
      ["held", "failed", "cancelled"].contains($0.state)
    }
    let held = ended?.filter { $0.state == "held" }.randomElement(using: &numbers)
    guard let job = held ?? ended?.randomElement(using: &numbers) else { return }
    // Where another one has the name, somebody may say that it is to go.
    if job.reason?.code == "conflict", Bool.random(using: &numbers),
      let place = job.destination?.directory,
      !busy.contains(where: { $0.destination?.directory == place })
    {
      clear(place)
      count("conflict cleared")
    }
    if try ground.hotplate(["retry", job.id]).status == 0 { count("hotplate retry") }
  }

  /// Clears away what is known to be delivered to a directory.
  ///
  /// - Returns: bytes.
  @discardableResult
  func clear(_ directory: String) -> Int {
    var bytes = 0
    for path in ledger.visible.keys where path.hasPrefix(directory + "/") {
      var status = stat()
      if stat(path, &status) == 0 { bytes += Int(status.st_size) }
      ledger.clear(path)
      unlink(path)
      cleared += 1
    }
    return bytes
  }

  private func fillDisk() throws {
    guard ground.narrow != nil, fullUntil == nil else { return }
    try ground.fill(leaving: Int.random(in: 0...(3 << 20), using: &numbers))
    fullUntil = .now + .seconds(Double.random(in: 4...12, using: &numbers))
    count("full disk")
  }

  /// Old drops make way: their owners take back what lies in the hot folder.
  private func retire() {
    let old = drops.filter { drop in
      guard drop.directory != nil, !writers.contains(where: { $0.drop === drop }) else {
        return false
      }
      let age = .now - drop.born
      let isDelivered = drop.contents.values.allSatisfy { ledger.isDelivered($0) }
      return age > .seconds(60) || isDelivered && age > .seconds(15)
    }
    guard old.count > mostDrops / 3, let drop = old.first else { return }
    struck = nil
    removeDirectory(drop, as: "old drop taken back")
  }
}
