import Paths

/// What a delivery says it holds: files, and the checksums or sizes they have to have.
public struct Manifest: Sendable, Hashable {
  public enum Format: Sendable, Hashable {
    /// A line for each file, as md5sum, xxhsum and their kin write them.
    case lines
    /// MHL 1.x, <https://mediahashlist.org/mhl-specification/>.
    case mediaHashList
    /// ASC MHL 2.0, <https://github.com/ascmitc/mhl>.
    case ascMediaHashList
  }

  public struct Entry: Sendable, Hashable {
    /// From the directory that ``Manifest/directory(whenAt:)`` tells.
    public let path: RelativePath
    /// Nil where the manifest has none that is known here (C4): then the file has to be there, in the right size.
    public let checksum: Checksum?
    /// Bytes, where the manifest tells.
    public let size: Int?
    /// Where the manifest says so, from 1.
    public let line: Int

    public init(path: RelativePath, checksum: Checksum?, size: Int?, line: Int) {
      self.path = path
      self.checksum = checksum
      self.size = size
      self.line = line
    }
  }

  public let format: Format
  /// Never empty, in the manifest's order; a path may be listed more than once.
  public let entries: [Entry]
  /// Other manifests that an ASC MHL refers to for what lies in its subdirectories. They are among `entries`; the files
  /// they list are not.
  public let references: [RelativePath]

  /// Bytes of the largest manifest that is read.
  public static let maximumSize = 64 << 20
  public static let maximumEntries = 5_000_000

  /// Reads a manifest that is whole in memory. An entry for the manifest itself is left out: no file can hold its own
  /// checksum, and `md5sum * > all.md5` lists it nevertheless.
  ///
  /// - Parameter name: its last component tells the algorithm of lines that do not.
  /// - Throws: at the first line that is not understood, and if nothing is listed.
  public static func parse(_ bytes: [UInt8], named name: FileName) throws(ManifestError)
    -> Manifest
  {
    func refusal(_ problem: ManifestError.Problem, mayBeHalfWritten: Bool = false) -> ManifestError
    {
      ManifestError(
        manifest: name, line: nil, problem: problem, mayBeHalfWritten: mayBeHalfWritten)
    }
    if bytes.count > maximumSize { throw refusal(.tooLarge(bytes: bytes.count)) }
    if let encoding = wideEncoding(of: bytes) { throw refusal(.encoding(encoding)) }

    let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
    let manifest =
      if text.first(where: { !isSpace($0) }) == UInt8(ascii: "<") {
        try HashListReader.read(text, named: name)
      } else {
        Manifest(
          format: .lines, entries: try LineReader(manifest: name).entries(of: text),
          references: [])
      }
    if manifest.entries.isEmpty { throw refusal(.nothingListed, mayBeHalfWritten: true) }
    return manifest
  }

  /// The directory that the paths of this manifest start from when it lies at `path`.
  ///
  /// Its own, but for an ASC MHL in a directory `ascmhl`, which speaks of the directory that holds that one.
  public func directory(whenAt path: RelativePath) -> RelativePath {
    let own = path.parent
    return format == .ascMediaHashList && own.name == "ascmhl" ? own.parent : own
  }
}

/// What PowerShell's `>` writes, and no tool here reads.
private func wideEncoding(of bytes: [UInt8]) -> String? {
  if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) { return "UTF-16" }
  let head = bytes.prefix(2)
  return head.count == 2 && head.contains(0) && !head.allSatisfy({ $0 == 0 }) ? "UTF-16" : nil
}

func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
