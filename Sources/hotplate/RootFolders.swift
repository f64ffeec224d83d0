import ArgumentParser
import Paths
import ReadModel

/// The directories in which destinations lie, by the names that rules give them (`root`).
struct RootFolders {
  private let byName: [String: InputFolder]
  /// Whether there are no others: a configuration names all.
  private let isComplete: Bool

  /// Nobody said where they lie: destinations are paths below some root.
  static let unknown = RootFolders()

  private init() { (byName, isComplete) = ([:], false) }

  /// - Parameter arguments: `DIR` for the default root, `NAME=DIR` for others.
  /// - Throws: exit 66 for a directory that is not there, exit 64 for a name said twice.
  init(arguments: [String]) throws {
    var byName: [String: InputFolder] = [:]
    for argument in arguments {
      let bytes = try exactBytes(of: argument)
      let (name, path) = Self.split(bytes)
      if byName.updateValue(try InputFolder(path), forKey: name) != nil {
        throw ValidationError("two directories for the root '\(name)': give --to NAME=DIR for each")
      }
    }
    self.byName = byName
    isComplete = false
  }

  init(_ configuration: ConfigurationFile) throws {
    byName = try configuration.roots.mapValues { try InputFolder(Array($0.utf8)) }
    isComplete = true
  }

  subscript(name: String) -> InputFolder? { byName[name] }

  /// A path below a root as a person would name it; where nobody said where the root lies, as `ROOT:path`.
  func named(_ path: RelativePath, below root: String) -> ExactText {
    if let folder = byName[root] { return ExactText(folder.named(path)) }
    return ExactText(root == "default" ? path.bytes : Array("\(root):".utf8) + path.bytes)
  }

  /// Why nothing can go to a root; nil if something can, or if there may be others that nobody named.
  func lack(of root: String) -> String? {
    guard isComplete, byName[root] == nil else { return nil }
    return "there is no root '\(shownText(root))': name it under 'roots' in hotplate.yaml"
  }

  /// What stands before the first `=` is a name unless it looks like a path: `./a=b` is a directory.
  private static func split(_ argument: [UInt8]) -> (name: String, path: [UInt8]) {
    guard let cut = argument.firstIndex(of: UInt8(ascii: "=")), cut > 0,
      let name = String(validating: argument[..<cut], as: UTF8.self), !name.contains("/")
    else { return ("default", argument) }
    return (name, Array(argument[(cut + 1)...]))
  }
}
