import Synchronization

/// The book of every frame that an owner made: what became of it, and what nobody should ever have seen.
///
/// A frame is known by the digest of its bytes; no two have the same, so that wherever those bytes lie, it is there.
final class SoakLedger: Sendable {
  struct Frame: Sendable {
    /// Older contents of a name have lower numbers.
    let serial: Int
    /// The absolute path under which it belongs; nil where no rule takes it.
    let destination: String?
    /// Whether its rule lets it take the place of an older one.
    let replaces: Bool
    let bytes: Int
    /// Written to its end.
    var isWhole = false
    /// Its owner took it away, or wrote over it.
    var isRemoved = false
    /// It was seen, whole, under its final name.
    var isDelivered = false
    /// It lay at the destination and was cleared away by the soak itself.
    var isCleared = false
    /// Another one took its place there.
    var isReplaced = false

    /// Whether it has to be somewhere.
    var isOwed: Bool { isWhole && !isRemoved && !isCleared && !isReplaced }
  }

  private struct Book {
    var frames: [UInt64: Frame] = [:]
    /// What lies under each final name, as last seen.
    var visible: [String: UInt64] = [:]
    var wrongs: [String] = []
    var lost: Set<UInt64> = []
    var damaged: Set<String> = []
  }

  private let book = Mutex(Book())

  // MARK: The owner

  /// Its first byte is about to be written; until ``own(_:)`` only its whole may be seen, and nothing is owed.
  func begin(_ digest: UInt64, to destination: String?, replaces: Bool, bytes: Int) {
    book.withLock { book in
      book.frames[digest] = Frame(
        serial: book.frames.count, destination: destination, replaces: replaces, bytes: bytes)
    }
  }

  /// It is whole. What its owner removed while it was written stays removed.
  func own(_ digest: UInt64) { book.withLock { $0.frames[digest]?.isWhole = true } }

  /// Its owner took it out of the hot folder, or wrote over it; what was delivered of it stays.
  func disown(_ digest: UInt64) { book.withLock { $0.frames[digest]?.isRemoved = true } }

  /// The soak is about to take it away from its destination.
  func clear(_ path: String) {
    book.withLock { book in
      guard let digest = book.visible.removeValue(forKey: path) else { return }
      book.frames[digest]?.isCleared = true
    }
  }

  // MARK: The bystanders

  /// A final name was seen with these bytes for the first time.
  func sight(_ digest: UInt64, bytes: Int, at path: String) {
    book.withLock { book in
      guard let frame = book.frames[digest], frame.destination == path else {
        book.damaged.insert(path)
        let what = book.frames[digest] == nil ? "no whole frame" : "a frame that belongs elsewhere"
        return book.wrongs.append("damaged: \(path) holds \(what), \(bytes) bytes")
      }
      book.frames[digest]!.isDelivered = true
      if frame.isCleared { return }
      if let old = book.visible[path], old != digest {
        book.frames[old]!.isReplaced = true
        if !frame.replaces {
          book.damaged.insert(path)
          book.wrongs.append("damaged: \(path) was overwritten, and its rule does not say so")
        } else if frame.isReplaced || book.frames[old]!.serial > frame.serial {
          book.damaged.insert(path)
          book.wrongs.append("damaged: \(path) went back to an older frame")
        }
      }
      book.visible[path] = digest
    }
  }

  /// Holds what lies anywhere against the book.
  ///
  /// - Parameter found: the digest of what lies at each path.
  /// - Returns: a line for each frame that is nowhere, or no longer under the final name where it was seen.
  func missing(_ found: [String: UInt64]) -> [UInt64: String] {
    let everything = Set(found.values)
    return book.withLock { book in
      var missing: [UInt64: String] = [:]
      for (digest, frame) in book.frames where frame.isOwed && !everything.contains(digest) {
        missing[digest] =
          "lost: \(frame.bytes) bytes that belong to \(frame.destination ?? "nobody") are nowhere"
      }
      for (path, digest) in book.visible where found[path] != digest {
        // A newer one may have taken its place since anybody looked.
        if let other = found[path].flatMap({ book.frames[$0] }), other.replaces,
          other.destination == path
        {
          missing[digest] = nil
          continue
        }
        missing[digest] = "lost: \(path) was delivered, and its bytes are there no more"
      }
      return missing
    }
  }

  func lose(_ missing: [UInt64: String]) {
    book.withLock { book in
      for (digest, line) in missing where book.lost.insert(digest).inserted {
        book.wrongs.append(line)
      }
    }
  }

  /// Anything else that should not be.
  func complain(_ line: String) {
    book.withLock { if !$0.wrongs.contains(line) { $0.wrongs.append(line) } }
  }

  // MARK: The account

  var wrongs: [String] { book.withLock { $0.wrongs } }
  /// Paths at which frames lie as delivered.
  var visible: [String: UInt64] { book.withLock { $0.visible } }

  func isDelivered(_ digest: UInt64) -> Bool {
    book.withLock { $0.frames[digest]?.isDelivered == true }
  }

  /// Whole frames that their owner neither removed nor has at the destination.
  var undelivered: [UInt64] {
    book.withLock { $0.frames.filter { $0.value.isOwed && !$0.value.isDelivered }.map(\.key) }
  }

  struct Tally {
    var frames = 0
    var bytes = 0
    var delivered = 0
    /// By their owners, before they were delivered.
    var removed = 0
    var lost = 0
    var damaged = 0
  }

  var tally: Tally {
    book.withLock { book in
      var tally = Tally()
      for frame in book.frames.values where frame.isWhole {
        tally.frames += 1
        tally.bytes += frame.bytes
        if frame.isDelivered { tally.delivered += 1 } else if frame.isRemoved { tally.removed += 1 }
      }
      tally.lost = book.lost.count
      tally.damaged = book.damaged.count
      return tally
    }
  }
}
