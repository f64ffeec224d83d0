import Files

/// What was staged for one file of a plan: the proof that publishing, removing a source and recovery ask for.
public struct Receipt: Codable, Hashable, Sendable {
  /// How the bytes came to lie in staging.
  public enum Method: String, Codable, Sendable {
    case clone, copy
    /// The source itself under a second name.
    case link
    /// The source's absolute path.
    case symlink
    /// Nothing was staged: the destination held the same bytes already.
    case present
  }

  /// Into the plan's files.
  public let index: Int
  /// Nil for a symlink, and under `verify: none` for what was cloned or linked.
  public let digest: Digest?
  /// The staged file, which becomes the published one; with `present`, the file that was there.
  public let inode: UInt64
  /// Of that inode; nanoseconds since 1970, 0 where unknown.
  public let birth: Int64
  /// When the staged file was last written by us: its ctime in nanoseconds since 1970, by the clock of its volume. Nil
  /// in receipts of older versions.
  public let written: Int64?
  /// The source as it was when its last byte had been read; after a link, with the link's ctime.
  public let source: Snapshot
  /// The logical size; of a symlink, that of the path it holds.
  public let bytes: Int
  public internal(set) var bootID: String
  /// Of the destination root.
  public let mount: MountIdentity
  /// Whether the staged bytes survive a power cut. If not, the receipt is void after another boot.
  public private(set) var durable: Bool
  public let method: Method
  /// Under `conflict: replace`, the only file that may be taken from the final name to make room for this one.
  public private(set) var replaces: Snapshot?

  public init(
    index: Int, digest: Digest?, inode: UInt64, birth: Int64, written: Int64? = nil,
    source: Snapshot, bytes: Int, bootID: String, mount: MountIdentity, durable: Bool,
    method: Method, replaces: Snapshot? = nil
  ) {
    self.index = index
    self.digest = digest
    self.inode = inode
    self.birth = birth
    self.written = written
    self.source = source
    self.bytes = bytes
    self.bootID = bootID
    self.mount = mount
    self.durable = durable
    self.method = method
    self.replaces = replaces
  }
}

extension Receipt {
  private func isOurKind(_ kind: FileKind) -> Bool {
    switch method {
    case .clone, .copy, .link: kind == .file
    case .symlink: kind == .symlink
    case .present: kind == .file || kind == .symlink
    }
  }

  /// Whether `status` is the file to be replaced, unchanged.
  func mayTake(_ status: Status) -> Bool {
    status.kind == .file && replaces.map { status.snapshot.isSameContent(as: $0) } ?? false
  }

  /// Whether `status` is the file to be replaced, whatever was written to it since.
  func knowsAsOld(_ status: Status) -> Bool {
    status.kind == .file && status.snapshot.inode == replaces?.inode
      && status.snapshot.birth == replaces?.birth
  }

  func replacing(_ old: Snapshot?) -> Receipt {
    var receipt = self
    receipt.replaces = old
    return receipt
  }

  func nowDurable() -> Receipt {
    var receipt = self
    receipt.durable = true
    return receipt
  }

  /// What was set may have been cut to what the file system keeps: 100 ns, 1 µs, 1 ms, 10 ms, 1 s, 2 s.
  func hasTimeOfSource(_ status: Status) -> Bool {
    let (there, source) = (status.snapshot.modified, source.modified)
    return there == source
      || [100, 1000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000].contains {
        source - source % $0 == there
      }
  }

  /// Whether somebody wrote to the staged file after us: its time is neither the source's, which it was given, nor from
  /// before its receipt. A power cut may lose a time, but makes none up. What is written within the same tick of the
  /// volume's clock cannot be told.
  func wasWrittenSince(_ status: Status) -> Bool {
    guard let written else { return false }
    return status.snapshot.modified > written && !hasTimeOfSource(status)
  }

  /// Whether `status` is what the staged file has become: whoever writes to a source writes to a link of it too. Where
  /// inodes have no birth time, only what has kept its size can be told.
  func isWhatBecame(_ status: Status) -> Bool {
    names(status) || method == .link && birth != 0 && isOurs(status)
  }

  /// Whether `status` is the inode that was staged, whatever it holds now.
  func isOurs(_ status: Status) -> Bool {
    isOurKind(status.kind) && status.snapshot.inode == inode && status.snapshot.birth == birth
  }

  /// Whether `status` is the staged file itself.
  func names(_ status: Status) -> Bool {
    isOurs(status) && status.snapshot.size == bytes
  }
}
