import Foundation
import Paths
import TestSupport
import Testing

/// The real program over real trees, one test at a time: some of them measure.
@Suite("the promises, kept by the real program", .serialized)
struct Promises {}

/// The size of things: as the promise says with `HOTPLATE_FULL=1`, else small enough for every day.
let isFullSize = ProcessInfo.processInfo.environment["HOTPLATE_FULL"] == "1"

/// Sequences of two frames and more, renumbered from 1001 into a directory of their own.
func rules(transfer: String = "copy", quiet: String = "200ms") -> String {
  """
  hotplate: 1
  rules:
    - rule: renders
      match: '{shot}_v{version}.{frame}.exr'
      when: { count: 2+ }
      ready: { quiet: \(quiet) }
      to: 'shots/{shot}/v{version:03d}/{shot}_v{version:03d}.{frame:04d}.exr'
      renumber: { first: 1001 }
      transfer: \(transfer)
      examples:
        - { given: 'sh010_v1.[1-3].exr', becomes: 'shots/sh010/v001/sh010_v001.[1001-1003].exr' }
  """
}

/// The name that ``rules(transfer:quiet:)`` gives to a frame of version 1, from the destination's root.
func published(_ shot: String, _ frame: Int) -> RelativePath {
  RelativePath("shots/\(shot)/v001/\(shot)_v001.\(frame).exr")!
}

extension HotFolderTree {
  /// Frames outside the hot folder, ready to be dropped; frame 1 is the first.
  func make(_ shot: String, frames: Int, bytes: Int) throws -> String {
    let made = "\(folder.path)/made/\(shot)"
    try FrameFactory.sequence(in: made, frames: 1...frames, bytes: bytes) { "\(shot)_v1.\($0).exr" }
    return made
  }

  /// Runs a command of coreutils, which must succeed.
  func shell(_ words: String...) throws {
    let outcome = try Command.run(words)
    guard outcome.status == 0 else { throw Failure("\(words): \(outcome.err)") }
  }

  /// Whether nothing of Hotplate's own is left, at the destination or in the hot folder.
  func hasNoTrace() -> Bool { traces().isEmpty }

  /// What the destination must hold for `frames` frames that ``make(_:frames:bytes:)`` made.
  func expectedContents(_ shot: String, frames: Int, bytes: Int) -> [RelativePath: UInt64] {
    Dictionary(
      uniqueKeysWithValues: (1...frames).map {
        (
          published(shot, 1000 + $0),
          contentDigest(FrameFactory.content(seed: UInt64($0), bytes: bytes))
        )
      })
  }
}
