import CXXHash
import Files
import Foundation
import Paths

/// The names and states of a job's sources, one hash of 8 bytes each: what a cancel by hand was about.
struct Fingerprint {
  let data: Data

  init(_ data: Data) { self.data = data }

  init(_ files: some Sequence<(name: FileName, snapshot: Snapshot)>) {
    data = files.map { Self.hash($0.name, $0.snapshot) }.sorted().reduce(into: Data()) {
      data, hash in
      withUnsafeBytes(of: hash.bigEndian) { data.append(contentsOf: $0) }
    }
  }

  /// Marks these files as cancelled if all of them are still what they were; with one changed, all are new.
  func mark(_ looks: inout [FileName: Inspection.Look], as job: JobID) {
    var wanted = Set<UInt64>()
    for start in stride(from: data.startIndex, to: data.endIndex, by: 8) {
      wanted.insert(data[start..<min(start + 8, data.endIndex)].reduce(0) { $0 << 8 | UInt64($1) })
    }
    let present = looks.filter { wanted.contains(Self.hash($0.key, $0.value.snapshot)) }
    guard present.count == wanted.count else { return }
    // What was published after all needs no other answer.
    for (name, look) in present where look.known == .new { looks[name]?.known = .cancelled(job) }
  }

  private static func hash(_ name: FileName, _ snapshot: Snapshot) -> UInt64 {
    var bytes = name.bytes
    for value in [
      Int64(bitPattern: snapshot.inode), snapshot.birth, Int64(snapshot.size), snapshot.modified,
    ] {
      withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
    return XXH3_64bits(bytes, bytes.count)
  }
}
