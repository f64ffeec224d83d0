import Foundation
import Paths
import Transfer
import Yams

/// `hotplate.yaml`: the hot folders, their destination and how the daemon runs.
struct ConfigurationFile {
  struct Folder {
    let path: String
    let name: String
    /// A file that lies on its volume, from the folder or absolute.
    let marker: String?
  }

  /// Where it lies; relative paths in it start here.
  let directory: String
  /// Where sequences go, by the names that rules give these places; `default` is always there.
  let roots: [String: String]
  let hotFolders: [Folder]
  let rules: String?
  let state: String?
  let listen: String?
  let workers: Int?
  let durability: TransferPlan.Durability
}

extension ConfigurationFile {
  /// - Throws: `Failure` with file, line and column of the first mistake.
  init(reading path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.noSuchInput, "no such configuration: \(shown(Array(path.utf8)))")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw Failure(.badConfiguration, "\(shown(Array(path.utf8))) is not UTF-8")
    }
    let reader = Reader(path: shown(Array(path.utf8)))
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch {
      throw Failure(.badConfiguration, "\(reader.path): \(error)")
    }
    let top = try reader.mapping(
      root, "the configuration",
      ["roots", "hot_folders", "rules", "state", "listen", "workers", "durability"])
    directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let base = directory
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : base + "/" + path }

    let named = try reader.mapping(top["roots"], "roots", nil)
    guard named["default"] != nil else {
      throw reader.mistake(top["roots"] ?? root, "roots must name a default: where sequences go")
    }
    roots = try named.mapValues { absolute(try reader.expanded($0)) }
    guard let folders = top["hot_folders"]?.sequence, !folders.isEmpty else {
      throw reader.mistake(top["hot_folders"] ?? root, "hot_folders must list at least one folder")
    }
    hotFolders = try folders.map { node in
      let folder = try reader.mapping(node, "a hot folder", ["path", "name", "mount_marker"])
      guard let place = folder["path"] else {
        throw reader.mistake(node, "a hot folder needs a path")
      }
      let path = absolute(try reader.text(place))
      return Folder(
        path: path,
        name: try folder["name"].map(reader.text) ?? URL(fileURLWithPath: path).lastPathComponent,
        marker: try folder["mount_marker"].map(reader.text))
    }
    let names = hotFolders.map(\.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw reader.mistake(
        top["hot_folders"], "two hot folders are called '\(twice)': give one another name")
    }
    rules = try top["rules"].map { absolute(try reader.text($0)) }
    state = try top["state"].map { absolute(try reader.text($0)) }
    listen = try top["listen"].map(reader.text)
    workers = try top["workers"].map { node in
      guard let count = Int(try reader.text(node)), 1...64 ~= count else {
        throw reader.mistake(node, "workers is a number from 1 to 64")
      }
      return count
    }
    durability =
      try top["durability"].map { node in
        guard let value = TransferPlan.Durability(rawValue: try reader.text(node)) else {
          throw reader.mistake(node, "durability is fast or safe")
        }
        return value
      } ?? .fast
  }
}

/// Reads nodes and says where one is wrong.
private struct Reader {
  let path: String

  func mistake(_ node: Node?, _ message: String) -> Failure {
    let mark = node?.mark.map { ":\($0.line):\($0.column)" } ?? ""
    return Failure(.badConfiguration, "\(path)\(mark): \(message)")
  }

  func text(_ node: Node) throws -> String {
    guard let scalar = node.scalar else { throw mistake(node, "one value is wanted here") }
    return scalar.string
  }

  /// A value in which `${VAR}` stands for a variable of the environment.
  func expanded(_ node: Node) throws -> String {
    var rest = try text(node)[...]
    var result = ""
    while let start = rest.range(of: "${") {
      result += rest[..<start.lowerBound]
      guard let end = rest.range(of: "}", range: start.upperBound..<rest.endIndex) else {
        throw mistake(node, "a '${' without its '}'")
      }
      let name = String(rest[start.upperBound..<end.lowerBound])
      guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
        throw mistake(node, "${\(name)} is not set: set it, or write the path itself")
      }
      result += value
      rest = rest[end.upperBound...]
    }
    return result + rest
  }

  /// - Parameter keys: the only ones there may be; nil for any.
  func mapping(_ node: Node?, _ what: String, _ keys: [String]?) throws -> [String: Node] {
    guard let mapping = node?.mapping else { throw mistake(node, "\(what) must be a mapping") }
    var result: [String: Node] = [:]
    for (key, value) in mapping {
      let name = try text(key)
      if let keys, !keys.contains(name) {
        throw mistake(key, "unknown key '\(name)' (known: \(keys.joined(separator: ", ")))")
      }
      result[name] = value
    }
    return result
  }
}
