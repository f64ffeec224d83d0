import Files
import Foundation
import Paths
import ReadModel
import Rules
import Sequences
import Watching

/// Whether what has come is all that its rule wants.
enum Verdict {
  case ready
  /// These manifests say what must be there, and nobody has held them against the files yet.
  case needsProof([RelativePath])
  /// Until more comes, or until patience ends; nil for ever.
  case waits(Reason, patience: Duration?)
  /// Until a person does something about it.
  case held(Reason)
}

extension Intake {
  /// How long an arrival may wait; nil for ever.
  func patience(of arrival: Arrival) -> Duration? {
    if let rule = arrival.key.rule { return rules.rules[rule].ready.patience }
    let hotFolder = hotFolders[arrival.key.directory.root].name
    return arrival.files.keys.lazy.compactMap { path -> Duration? in
      guard case .taken(let match) = rules.decide(arrival.path(path), hotFolder: hotFolder) else {
        return nil
      }
      return match.rule.ready.patience
    }.max()
  }

  func verdict(
    on assignment: Assignment, _ rule: Rule, _ arrival: Arrival, _ now: Moment
  ) throws(DestinationError) -> Verdict {
    let patience = rule.ready.patience
    let root = arrival.key.directory.root
    if let marker = try rules.deliveryMarker(of: assignment),
      !isKnown(Place(root: root, path: marker))
    {
      return .waits(
        Reason(.marker, "waiting for the marker \(marker)", at: now.wall), patience: patience)
    }
    if let frames = assignment.frames, assignment.pattern?.kind != .udim, rule.ready.gaps != .accept
    {
      let missing = rule.ready.frames?.subtracting(frames) ?? frames.missing
      if !missing.isEmpty {
        let what = "frames \(missing) of \(assignment.shownName) are missing"
        return rule.ready.gaps == .hold
          ? .held(Reason(.gaps, what, at: now.wall))
          : .waits(Reason(.gaps, "waiting: \(what)", at: now.wall), patience: patience)
      }
    }
    guard rule.ready.hasManifest, arrival.proven != arrival.change else { return .ready }
    let manifests = manifests(of: assignment, arrival.key)
    if manifests.isEmpty {
      return .waits(
        Reason(.manifest, "waiting for a manifest", at: now.wall), patience: patience)
    }
    return .needsProof(manifests)
  }

  /// Says who is to be asked again when a name comes to the directory where something is awaited.
  mutating func awaitCompanions(of assignment: Assignment, for key: Arrival.Key) {
    // A delivery is asked again by whatever happens below it.
    if key.isDelivery { return }
    awaited[key.directory, default: []].insert(key)
    if let marker = try? rules.deliveryMarker(of: assignment) {
      awaited[Place(root: key.directory.root, path: marker.parent), default: []].insert(key)
    }
  }

  private func isKnown(_ place: Place) -> Bool {
    guard let name = place.path.name, let contents = directories[place.parent] else { return false }
    return contents.files[name] != nil || contents.subdirectories.contains(name)
  }

  private func manifests(of assignment: Assignment, _ key: Arrival.Key) -> [RelativePath] {
    names(below: key.directory, recursively: key.isDelivery).filter {
      rules.isManifest($0, of: assignment)
    }.sorted()
  }

  /// Every known file in a directory, from the hot folder's root.
  func names(below place: Place, recursively: Bool) -> [RelativePath] {
    guard let contents = directories[place] else { return [] }
    var found = contents.files.keys.map { place.path.appending($0) }
    if recursively {
      for name in contents.subdirectories {
        found += names(
          below: Place(root: place.root, path: place.path.appending(name)), recursively: true)
      }
    }
    return found
  }

  /// Why a delivery may not go although its own files are ready: something below it has no answer yet, or a bad one.
  func obstacle(to delivery: Arrival.Key, _ now: Moment) -> Verdict? {
    let top = delivery.directory
    for (place, trouble) in troubles
    where place.root == top.root && place.path.isAtOrBelow(top.path) {
      return .waits(Reason(.io, "\(place.path) \(trouble)", at: now.wall), patience: nil)
    }
    for path in names(below: top, recursively: true) {
      let place = Place(root: top.root, path: path)
      guard let answer = directories[place.parent]?.files[path.name!] else { continue }
      switch answer {
      case .inFlight:
        // The system's own hidden files lie everywhere and never leave.
        if path.name!.bytes.first == UInt8(ascii: "."), !isTemporaryCopy(path.name!) { continue }
        return .waits(
          Reason(
            .settling, "waits for \(path), which is named like a copy under way",
            path: absolute(place), at: now.wall), patience: nil)
      case .onHold(let sentinel):
        return .held(
          Reason(
            .sentinel,
            "\(path) is cancelled by \(shown(absolute(sentinel))), and a delivery goes whole",
            path: absolute(sentinel), at: now.wall))
      case .waiting(let key):
        guard !key.isTaken, case .blocked(let reason)? = arrivals[key]?.phase, reason.code == .rule
        else { continue }
        return .held(Reason(.rule, "\(path): \(reason.message)", at: now.wall))
      default: continue
      }
    }
    return nil
  }
}

extension Assignment {
  /// Its pattern, or the name of its file; safe to show.
  var shownName: String { shown(pattern?.pattern.bytes ?? files[0].name!.bytes) }
}
