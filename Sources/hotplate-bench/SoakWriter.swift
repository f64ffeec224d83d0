import Foundation
import Glibc
import TestSupport

/// What an owner made at one place, and what becomes of it.
final class SoakDrop {
  let kind: SoakGround.Kind
  let shot: String
  /// In the hot folder or outside; nil once it is removed.
  var directory: String?
  var isInside = true
  /// The digest of what was last written as each frame.
  var contents: [Int: UInt64] = [:]
  let born = ContinuousClock.now
  var retired: ContinuousClock.Instant?

  init(_ kind: SoakGround.Kind, _ shot: String, in directory: String) {
    self.kind = kind
    self.shot = shot
    self.directory = directory
  }
}

/// Writes frames slowly, a chunk at a time, each under its name from its first byte on.
final class SoakWriter {
  let drop: SoakDrop
  private var frames: [(number: Int, digest: UInt64, content: [UInt8])]
  private let path: (Int) -> String?
  private let ledger: SoakLedger
  private var file: Int32 = -1
  private var written = 0

  /// - Parameters:
  ///   - file: the first frame's, already open and empty, where it is written over.
  ///   - path: where a frame is to be written now; nil once its directory is gone.
  init(
    _ drop: SoakDrop, _ frames: [(number: Int, digest: UInt64, content: [UInt8])],
    _ ledger: SoakLedger, file: Int32 = -1, path: @escaping (Int) -> String?
  ) {
    self.drop = drop
    self.frames = frames
    self.ledger = ledger
    self.file = file
    self.path = path
  }

  deinit { if file >= 0 { close(file) } }

  /// - Returns: whether there is more to write.
  func goOn(by bytes: Int) -> Bool {
    guard let frame = frames.first else { return false }
    if file < 0 {
      guard let path = path(frame.number) else { return false }
      file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      guard file >= 0 else { return false }
      written = 0
      drop.contents[frame.number] = frame.digest
    }
    let count = frame.content.withUnsafeBytes {
      pwrite(file, $0.baseAddress! + written, min(bytes, $0.count - written), off_t(written))
    }
    guard count > 0 else { return false }
    written += count
    guard written == frame.content.count else { return true }
    var status = stat()
    // Nobody is owed a file that was removed while it was written.
    if fstat(file, &status) == 0, status.st_nlink > 0 { ledger.own(frame.digest) }
    close(file)
    file = -1
    frames.removeFirst()
    return !frames.isEmpty
  }

  func finish() { while goOn(by: 1 << 20) {} }
}
