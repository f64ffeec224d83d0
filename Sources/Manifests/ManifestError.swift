import Paths

/// Why a manifest cannot be taken at its word. None of it is used then: half a list would pass for a whole delivery.
public struct ManifestError: Error, Hashable, Sendable {
  public let manifest: FileName
  /// From 1; nil where the whole file is meant.
  public let line: Int?
  public let problem: Problem
  /// Whether the rest may still come: who waits for the manifest to grow may see this error go.
  public let mayBeHalfWritten: Bool

  public enum Problem: Error, Hashable, Sendable {
    case nothingListed
    case tooLarge(bytes: Int)
    case tooManyEntries
    /// Not UTF-8 where it has to be, or text of wider units.
    case encoding(String)
    case notALine
    case checksumLength(digits: Int, expected: [ChecksumAlgorithm])
    case notAChecksum(ChecksumAlgorithm)
    case unknownAlgorithm(String)
    case noPath
    case standardInput
    case badEscape
    case path(ListedPathProblem, shown: String)
    case notXML(code: Int)
    case cutXML
    case documentType
    case tooDeep
    case longTag
    case notAHashList(root: String)
    case badSize(String)
    case failedAtSender(path: String)
  }
}

/// What keeps a listed path from being looked up.
public enum ListedPathProblem: Hashable, Sendable {
  case absolute
  case leavesItsDirectory
  /// It ends in a slash, or nothing is left of it.
  case notAFileName
  case nul
}

extension ManifestError: CustomStringConvertible {
  /// File, line, what is wrong and what to do.
  public var description: String {
    let place = line.map { "\(manifest):\($0)" } ?? "\(manifest)"
    let tail = mayBeHalfWritten ? "; it may be half written: send it again if it stays so" : ""
    return "\(place): \(problem)\(tail)"
  }
}

extension ManifestError.Problem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .nothingListed: "lists no file"
    case .tooLarge(let bytes):
      "has \(bytes) bytes, more than the \(Manifest.maximumSize) that are read: split it"
    case .tooManyEntries: "lists more than \(Manifest.maximumEntries) files: split it"
    case .encoding(let name): "is written as \(name): save it as UTF-8"
    case .notALine:
      "is no line of a manifest: expected 'CHECKSUM  path' or 'MD5 (path) = CHECKSUM'"
    case .checksumLength(let digits, let expected):
      "a checksum of \(digits) digits; "
        + expected.map { "\($0) has \(2 * $0.length)" }.joined(separator: ", ")
    case .notAChecksum(let algorithm): "is not how \(algorithm) is written here"
    case .unknownAlgorithm(let name):
      "'\(name)' is not known: "
        + ChecksumAlgorithm.allCases.map { "\($0)" }.joined(separator: ", ") + " are"
    case .noPath: "a checksum without a path"
    case .standardInput: "is a checksum of standard input: name the file"
    case .badEscape:
      "a backslash at its start promises escapes, and the path has another than \\\\, \\n or \\r"
    case .path(.absolute, let shown):
      "'\(shown)' is absolute: list paths from the manifest's own directory"
    case .path(.leavesItsDirectory, let shown):
      "'\(shown)' leads out of the manifest's directory: list only what lies beneath it"
    case .path(.notAFileName, let shown): "'\(shown)' names no file"
    case .path(.nul, let shown): "'\(shown)' holds a NUL byte"
    case .notXML(let code): "is not well-formed XML (libxml2's error \(code))"
    case .cutXML: "the XML ends too early"
    case .documentType: "has a document type or entities, which no hash list needs: remove them"
    case .tooDeep: "elements lie more than \(HashListReader.maximumDepth) deep"
    case .longTag: "a tag and its text have more than \(HashListReader.maximumTag) bytes"
    case .notAHashList(let root): "is '\(root)', not a media hash list"
    case .badSize(let text): "'\(text)' is not a size in bytes"
    case .failedAtSender(let path):
      "the sender's own check of '\(path)' failed: ask for the file again"
    }
  }
}
