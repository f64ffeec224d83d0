import ArgumentParser
import Files
import Foundation
import Glibc
import Paths
import ReadModel
import Rules

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say which rule takes a path, and why the earlier ones do not.",
    discussion: """
      The path counts from the hot folder's root and need not exist. With frames in brackets it stands for a sequence, as if its files were there; \
      a bracket itself is written [[]. With --in, or a --config that tells which hot folder is meant, the files beside it count as well: \
      they tell how many frames a sequence has. Without either, when.count is left open for a single path.
      Ends with 0 whatever the answer, 64 for a path that is none, 65 for a mistake in the rules.

      Example:
        hotplate explain 'sh010/sh010_rgba_v3.[1001-1100].exr' --rules rules
        hotplate explain --in /mnt/drop sh010/sh010_beauty_v003.1001.exr
        hotplate explain abc010_rgba_v1.1001.exr --json | jq .tried
      """)

  @Argument(
    help: ArgumentHelp(
      "A path from the hot folder's root, or one that lies below --in; a.[1-10].exr is a sequence.")
  )
  var path: String

  @OptionGroup var input: RulesInput

  @Option(
    name: .customLong("in"), help: ArgumentHelp("The hot folder.", valueName: "dir"),
    completion: .directory)
  var hotFolder: String?

  @Flag(help: "Print a JSON object.")
  var json = false

  func run() throws {
    let configuration = try input.configuration()
    let rules = try input.load(configuration)
    let given = try exactBytes(of: path)
    let folder = try hotFolder(of: given, configuration)
    let asked = try relativePath(given, folder)
    let (files, isSequence) = try files(asked, folder)
    let roots = try configuration.map(RootFolders.init) ?? .unknown
    let report = try PathReport(
      of: asked, files: files, isSequence: isSequence, in: folder, by: rules, to: roots)
    if json {
      printJSON(try JSON.encode(report, pretty: isatty(STDOUT_FILENO) == 1))
    } else {
      printLines(report.lines(.standardOutput))
    }
  }

  /// The one that `--in` names, else the configured one that the path lies in, else the only one.
  private func hotFolder(of given: [UInt8], _ configuration: ConfigurationFile?) throws
    -> InputFolder?
  {
    let configured = try configuration?.inputFolders() ?? []
    if let hotFolder {
      let named = try InputFolder(exactBytes(of: hotFolder))
      return configured.first { $0.relative(toDirectory: named)?.isRoot == true } ?? named
    }
    if given.first == UInt8(ascii: "/") { return configured.first { $0.relative(given) != nil } }
    return configured.count == 1 ? configured[0] : nil
  }

  /// The path from the hot folder's root.
  private func relativePath(_ given: [UInt8], _ folder: InputFolder?) throws -> RelativePath {
    if let folder, let inside = folder.relative(given) { return inside }
    if let folder, given.first == UInt8(ascii: "/") {
      throw Failure(
        .usage, "\(shown(given)) does not lie below \(folder.shownPath)",
        remedy: "name the path from the hot folder's root")
    }
    // As text alone: `./a//b` is `a/b`.
    let parts = given.split(separator: UInt8(ascii: "/")).filter { $0 != [UInt8(ascii: ".")] }
    guard let path = RelativePath(parts.joined(separator: [UInt8(ascii: "/")])), !path.isRoot else {
      throw Failure(
        .usage, "\(shown(given)) is no path of a file below a hot folder",
        remedy: "name the path from the hot folder's root, or say which it is: --in DIR")
    }
    return path
  }

  /// What the path stands for: itself, or the frames in its brackets.
  private func files(_ path: RelativePath, _ folder: InputFolder?) throws -> (
    [RelativePath], isSequence: Bool
  ) {
    guard path.bytes.contains(UInt8(ascii: "[")) else { return ([path], false) }
    // A file that has this very name is meant.
    if let folder, try folder.directory.holds(path) { return ([path], false) }
    guard let text = String(validating: path.bytes, as: UTF8.self) else {
      throw Failure(
        .usage, "\(path) has brackets and is not UTF-8",
        remedy: "name one of its files, without brackets")
    }
    do throws(GivenPathError) {
      return (try RuleSet.files(given: text), true)
    } catch {
      throw Failure(.usage, "\(path): \(error.message)", remedy: error.hint)
    }
  }
}

extension ConfigurationFile {
  /// Its hot folders, to be looked at.
  ///
  /// - Throws: exit 66 if one does not exist.
  func inputFolders() throws -> [InputFolder] {
    try hotFolders.map { try InputFolder(Array($0.path.utf8), named: $0.name) }
  }
}
