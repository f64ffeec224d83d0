import Foundation
import Paths
import Testing

@testable import Journal

/// A state directory of its own for one test, gone afterwards.
func withStateDirectory(_ body: (String) async throws -> Void) async throws {
  let parent = FileManager.default.temporaryDirectory.path + "/journal-" + UUID().uuidString
  defer { try? FileManager.default.removeItem(atPath: parent) }
  try await body(parent + "/state")
}

/// A journal of its own for one test, closed and gone afterwards.
func withJournal(_ body: (Journal) async throws -> Void) async throws {
  try await withStateDirectory { state in
    let journal = try Journal(stateDirectory: state)
    try await body(journal)
    try await journal.close()
  }
}

let noon = Date(timeIntervalSince1970: 1_760_000_000.125)

func path(_ text: String) -> RelativePath { RelativePath(text)! }

func job(
  _ id: String, state: String = "queued", hotFolder: String = "renders", frames: Int = 0
) -> JobRecord {
  JobRecord(
    id: id, state: state, hotFolder: hotFolder, settings: Data("{}".utf8), expectedFrames: frames,
    expectedBytes: frames * 1000, created: noon)
}

func frame(_ ordinal: Int, _ source: RelativePath, to destination: RelativePath) -> FrameRecord {
  FrameRecord(
    ordinal: ordinal, member: 0, source: source, destination: destination,
    inode: UInt64(1000 + ordinal), birth: 5_000_000_001, size: 1000, modified: 6_000_000_001,
    changed: 7_000_000_001)
}

/// `count` frames `sh010/a.1001.exr` … to `v001/b.1001.exr` ….
func sequence(_ count: Int, from directory: String = "sh010") -> [FrameRecord] {
  (0..<count).map {
    frame($0, path("\(directory)/a.\(1001 + $0).exr"), to: path("v001/b.\(1001 + $0).exr"))
  }
}

func receipt(_ ordinal: Int, inode: UInt64? = nil, text: String = "staged") -> ReceiptRecord {
  ReceiptRecord(
    ordinal: ordinal, data: Data(text.utf8),
    digest: Array(repeating: UInt8(ordinal & 0xff), count: 16),
    staged: InodeKey(inode: inode ?? UInt64(9000 + ordinal), birth: 8_000_000_001))
}
