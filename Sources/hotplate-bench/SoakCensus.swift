import Files
import Foundation
import Glibc
import Paths
import Synchronization
import TestSupport

/// A file as it was found; what has the same has the same bytes, but under a final name, where nothing is taken on trust.
private struct Found: Hashable {
  let device: UInt64
  let snapshot: Snapshot

  init(_ status: Status, countingChanges: Bool) {
    device = status.device
    let full = status.snapshot
    // A link, a rename or an unlink elsewhere changes `changed` alone.
    snapshot =
      countingChanges
      ? full
      : Snapshot(
        inode: full.inode, birth: full.birth, size: full.size, modified: full.modified, changed: 0)
  }
}

/// Calls `body` for each file at and below a directory that others are changing, staging and claims included or not.
func forEachFile(
  below root: String, includingOurs: Bool, _ body: (Descriptor, RelativePath, String) -> Void
) {
  guard let open = try? Descriptor.directory(at: root), let entries = try? open.entries() else {
    return
  }
  for (name, kind) in entries {
    let text = String(decoding: name.bytes, as: UTF8.self)
    // Our own names are no frames: staging, and the file that a start tries a destination with.
    if !includingOurs, isStaging(name) { continue }
    if kind == .directory {
      forEachFile(below: "\(root)/\(text)", includingOurs: includingOurs, body)
    } else if let path = RelativePath(text), kind == .file {
      body(open, path, "\(root)/\(text)")
    }
  }
}

/// The digest of all that an open file holds now.
private func digest(of file: Descriptor, bytes: Int) throws -> UInt64 {
  var content = [UInt8](repeating: 0, count: bytes)
  var done = 0
  while done < bytes {
    let count = try content.withUnsafeMutableBytes {
      try file.read(into: .init(rebasing: $0[done...]), at: done)
    }
    if count == 0 { break }
    done += count
  }
  content.removeSubrange(done...)
  return contentDigest(content)
}

/// Where all bytes are, wherever they lie.
struct SoakCensus {
  private var known: [Found: UInt64] = [:]
  /// Bytes of files, each counted once.
  private(set) var bytes = 0

  /// - Returns: the digest of what lies at each path now, staging and claims included.
  mutating func take(_ roots: [String]) -> [String: UInt64] {
    var places: [String: UInt64] = [:]
    var current: [Found: UInt64] = [:]
    for root in roots {
      forEachFile(below: root, includingOurs: true) { directory, name, path in
        // Staging is in the making: what is gone or being written is not there.
        guard let file = try? directory.open(name, O_RDONLY), let status = try? file.status()
        else { return }
        let found = Found(status, countingChanges: false)
        guard
          let digest = known[found]
            ?? (try? digest(of: file, bytes: status.snapshot.size))
        else { return }
        current[found] = digest
        places[path] = digest
      }
    }
    known = current
    bytes = current.keys.reduce(0) { $0 + $1.snapshot.size }
    return places
  }
}

/// What one thread raises and another looks at.
final class StopSign: Sendable {
  private let raised = Atomic(false)
  var isUp: Bool { raised.load(ordering: .acquiring) }
  func raise() { raised.store(true, ordering: .releasing) }
}

/// Somebody who looks at the destinations all the time, and reads each file at first sight.
final class SoakLister: Sendable {
  private let stopping = StopSign()
  private let ended = DispatchSemaphore(value: 0)
  private let looks = Atomic(0)

  init(_ destinations: [String], _ ledger: SoakLedger) {
    Thread.detachNewThread { [self] in
      var seen: [String: Found] = [:]
      while !stopping.isUp {
        let began = ContinuousClock.now
        Self.look(destinations, ledger, &seen)
        looks.add(1, ordering: .releasing)
        // At most a third of one core's time.
        let took = ContinuousClock.now - began
        usleep(UInt32(max(20_000, min(2_000_000, took / .microseconds(1) * 2))))
      }
      Self.look(destinations, ledger, &seen)
      ended.signal()
    }
  }

  /// Waits until all that is there now has been seen.
  func lookAgain() {
    let before = looks.load(ordering: .acquiring)
    while looks.load(ordering: .acquiring) < before + 2 { usleep(1000) }
  }

  /// Looks a last time, and ends.
  func stop() {
    stopping.raise()
    ended.wait()
  }

  private static func look(
    _ destinations: [String], _ ledger: SoakLedger, _ seen: inout [String: Found]
  ) {
    var now: [String: Found] = [:]
    for root in destinations {
      forEachFile(below: root, includingOurs: false) { directory, name, path in
        guard let file = try? directory.open(name, O_RDONLY), let status = try? file.status()
        else { return }
        let found = Found(status, countingChanges: true)
        now[path] = found
        if seen[path] == found { return }
        if let digest = try? digest(of: file, bytes: status.snapshot.size) {
          ledger.sight(digest, bytes: status.snapshot.size, at: path)
        }
      }
    }
    seen = now
  }
}
