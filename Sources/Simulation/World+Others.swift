import Files
import Foundation
import Ingest
import Paths
import ReadModel
import Watching

/// What people and programs do beside the daemon, and how they cancel.
extension World {
  func act() {
    // What stops everything is soon over.
    if random.once(in: 3) {
      if !kernel.isMounted(volume) { return mountHot() }
      if !kernel.isMounted(vault) { return toggleVault() }
      if vault.isReadOnly { return toggleReadOnly() }
      for volume in [volume, vault] where volume.reserved > 0 {
        volume.reserved = 0
        return say("\(volume.name) has \(volume.free) bytes left")
      }
    }
    if habits.isAfterwards, !random.once(in: 3) { return meddle() }
    let deeds: [(Int, () -> Void)] = [
      (4, bringFrames), (2, beginWriting), (3, goOnWriting), (2, rewriteFrame), (2, saveByRename),
      (2, removeFrame), (1, removeDirectory), (1, moveDirectory), (2, dropSentinel),
      (2, removeSentinel), (1, cancelByHand), (1, retryByHand), (1, reviveByHand),
      (1, undoByHand), (1, changeRules), (1, setClock),
      (1, disturbStaging), (1, rewritePublished), (1, putForeign),
      (1, disturbPublished),
      (1, linkElsewhere), (1, toggleVault), (1, toggleHot), (1, toggleSpace), (1, toggleReadOnly),
      (1, overflow),
    ]
    var number = Int.random(in: 0..<deeds.reduce(0) { $0 + $1.0 }, using: &random)
    for (weight, deed) in deeds {
      number -= weight
      if number < 0 { return deed() }
    }
  }

  /// About what was delivered.
  private func meddle() {
    let deeds: [() -> Void] = [
      undoByHand, undoByHand, undoByHand, rewritePublished, rewritePublished, disturbPublished,
      touchUpFrame, touchUpFrame, replaceByTwin, rewriteFrame, removeFrame, linkElsewhere,
      putForeign,
    ]
    deeds.randomElement(using: &random)!()
  }

  /// The same between two calls of the daemon: what would meet a job where it hurts comes more often.
  func interfere() {
    let deeds: [() -> Void] = [
      rewriteFrame, rewriteFrame, saveByRename, saveByRename, removeFrame, dropSentinel,
      dropSentinel, putForeign, putForeign, linkElsewhere, moveDirectory, cancelByHand,
      disturbPublished, rewritePublished, disturbStaging, act,
    ]
    deeds.randomElement(using: &random)!()
  }

  /// Ends what would keep anything from coming to rest.
  func calmDown() {
    say("all faults end")
    while !writers.isEmpty { finish(writers.removeFirst()) }
    for volume in [volume, vault] {
      volume.isReadOnly = false
      volume.reserved = 0
    }
    if !kernel.isMounted(volume) { mountHot() }
    if !kernel.isMounted(vault) { kernel.mount(vault, at: "/vault") }
    // What has no job yet has little to do with what happened before.
    if !random.once(in: 4) { clearHotFolder() }
  }

  /// Whoever brought what waits takes it away again.
  private func clearHotFolder() {
    let planned = Set(
      journal.rows.values.filter { !$0.state.isFinal }.flatMap { $0.frames.map(\.source) })
    for frame in frames {
      let path = volume.path(of: frame.parent)?.relative(to: Self.hot)
      if let path, planned.contains(path.appending(frame.name)) { continue }
      disown(frame.node)
      discard(frame.name, in: frame.parent)
    }
    say("the hot folder is cleared of what has no job")
  }

  func dropSentinel() {
    let parent = random.once(in: 6) ? volume.node(at: Self.hot)! : frame()?.parent ?? directory()
    let stems = ["", "", "c_a", "m_a", "f_b", "r_a"]
    let name = FileName("\(stems.randomElement(using: &random)!).cancel")
    let kind: FileKind = [.file, .directory, .symlink].randomElement(using: &random)!
    guard parent.entries[name] == nil,
      (try? volume.make(kind, name, in: parent, kernel.clock)) != nil
    else { return }
    volume.syncLast()
    say("somebody drops \(name) into \(volume.path(of: parent)!)")
  }

  func removeSentinel() {
    var pending = [volume.node(at: Self.hot)!]
    while let directory = pending.popLast() {
      for (name, node) in directory.entries.sorted(by: { $0.key < $1.key }) {
        if name.bytes.suffix(7).elementsEqual(".cancel".utf8), random.once(in: 2) {
          try? volume.unlink(
            name, in: directory, directory: node.kind == .directory, kernel.clock)
          volume.syncLast()
          say("somebody removes \(name)")
          return
        }
        if node.kind == .directory { pending.append(node) }
      }
    }
  }

  func cancelByHand() {
    guard let daemon, let id = daemon.intake.jobs.keys.sorted().randomElement(using: &random) else {
      return
    }
    say("somebody cancels \(id) by hand")
    daemon.post(
      .cancel(id, Reason(code: .user, message: "by hand", at: Timestamp(milliseconds: 0))))
  }

  func retryByHand() {
    guard let daemon else { return }
    let resting = daemon.intake.jobs.values.filter { $0.state == .held || $0.state == .failed }
    guard let id = resting.map(\.id).sorted().randomElement(using: &random) else { return }
    say("somebody tries \(id) again")
    daemon.post(.retry(id, changed: nil))
  }

  /// What a cancel or an undo has forbidden may be taken again.
  func reviveByHand() {
    guard let daemon, let stone = journal.tombstones().randomElement(using: &random) else { return }
    guard daemon.intake.jobs[stone.job] == nil else { return }
    say("somebody has what \(stone.job) took taken again")
    do { try journal.removeTombstones(of: stone.job) } catch { return }
    barred[stone.job] = nil
    daemon.post(.revived(stone.job))
  }

  func undoByHand() {
    let done = journal.rows.values.filter { $0.state == .done }.map(\.record.id).sorted()
    guard let daemon, let id = done.randomElement(using: &random) else { return }
    say("somebody undoes \(id)")
    daemon.undo(id)
  }

  func changeRules() {
    let number = Int.random(in: habits.ruleSets.indices, using: &random)
    say("the rules are now those of number \(number)")
    rules = habits.ruleSets[number]
    daemon?.post(.rulesChanged(rules))
  }

  /// The wall clock jumps, by up to a day.
  func setClock() {
    kernel.skew += Int64.random(in: -86_400...86_400, using: &random) * 1_000_000_000
    say("the clock is set to \(moment.wall)")
  }

  func sentinels(over job: Job) -> [Node] {
    var found: [Node] = []
    for directory in job.sourceDirectories {
      var path = Self.hot.appending(directory)
      while true {
        if let node = volume.node(at: path.appending(".cancel")) { found.append(node) }
        if path == Self.hot { break }
        path = path.parent
      }
    }
    for member in job.members {
      let file = job.plan.files[member.files.lowerBound].source
      let stem = member.head.filter { $0 != UInt8(ascii: ".") }
      let name = FileName(stem + Array(".cancel".utf8))
      if let node = volume.node(at: Self.hot.appending(file.parent).appending(name)) {
        found.append(node)
      }
    }
    return found
  }
}
