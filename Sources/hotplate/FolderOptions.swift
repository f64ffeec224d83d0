import ArgumentParser
import Files
import Foundation
import Glibc
import Ingest
import Paths
import Transfer

/// What `watch` and `ingest` work on.
struct FolderOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The configuration, hotplate.yaml.", valueName: "file"))
  var config: String?

  @Option(name: .customLong("in"), help: ArgumentHelp("The hot folder.", valueName: "dir"))
  var hotFolder: String?

  @Option(
    name: .customLong("to"),
    help: ArgumentHelp("The destination root; it must exist.", valueName: "dir"))
  var destination: String?

  @Option(
    help: ArgumentHelp(
      "The rules; default: rules/ beside the configuration or here.", valueName: "dir"))
  var rules: String?

  @Option(
    help: ArgumentHelp("Journal and socket; default: $XDG_STATE_HOME/hotplate.", valueName: "dir"))
  var state: String?

  @Option(
    help: ArgumentHelp(
      "Where the page and the API are; port 0 picks one. Default: 127.0.0.1:4280, for 'ingest' none. Addresses that other machines reach want the token in STATE/token.",
      valueName: "host:port"))
  var listen: String?

  @Flag(help: "No page: commands are answered on the unix socket only.")
  var noListen = false

  @Flag(
    help:
      "Take directories as they are, also where a volume was mounted in an earlier run and none is now."
  )
  var acceptUnmounted = false

  func validate() throws {
    if config != nil, hotFolder != nil || destination != nil {
      throw ValidationError("give --config, or --in and --to, not both")
    }
    if config == nil, hotFolder == nil || destination == nil {
      throw ValidationError("give --in DIR and --to DIR, or --config FILE")
    }
  }

  func resolve() throws -> Folders {
    let file = try config.map { try ConfigurationFile(reading: $0) }
    var hotFolders: [HotFolder] = []
    let base = file?.directory
    let rules = rules ?? file?.rules ?? (base.map { $0 + "/rules" } ?? "rules")
    if let file {
      let roots = try Dictionary(
        uniqueKeysWithValues: file.roots.map { name, path in
          (name, try directory(path, name == "default" ? "destination root" : "root '\(name)'"))
        })
      for folder in file.hotFolders {
        let path = try place(of: folder)
        hotFolders.append(
          HotFolder(
            name: folder.name, path: path, roots: roots,
            marker: folder.marker.map { $0.hasPrefix("/") ? $0 : path + "/" + $0 }))
      }
    } else if let hotFolder, let destination {
      let path = try directory(hotFolder, "hot folder")
      hotFolders = [
        HotFolder(
          name: (path as NSString).lastPathComponent, path: path,
          destination: try directory(destination, "destination"))
      ]
    }
    try refuseOverlaps(hotFolders)
    for root in Set(hotFolders.flatMap(\.roots.values)).sorted() { try checkWritable(root) }
    guard isDirectory(rules) else {
      throw Failure(
        .noSuchInput, "no such directory of rules: \(shown(Array(rules.utf8)))",
        remedy: "give --rules DIR")
    }
    let place =
      try state ?? file?.state
      ?? StateOptions.defaultDirectory { getenv($0).map { String(cString: $0) } }
    try refuseStateBelow(place, hotFolders)
    return Folders(
      hotFolders: hotFolders, rules: rules, state: place,
      listen: noListen ? nil : listen ?? file?.listen, durability: file?.durability ?? .fast,
      workers: file?.workers)
  }

  /// A folder that is known by a marker may be away, its mount point too.
  private func place(of folder: ConfigurationFile.Folder) throws -> String {
    var status = stat()
    if folder.marker != nil, stat(folder.path, &status) != 0, Errno.current == .notFound {
      return URL(fileURLWithPath: folder.path).standardizedFileURL.path
    }
    return try directory(folder.path, "hot folder")
  }

  /// The path without symlinks: what overlaps shall be seen to overlap.
  private func directory(_ path: String, _ what: String) throws -> String {
    guard let resolved = realpath(path, nil) else {
      let errno = Errno.current
      let remedy = errno == .notFound ? "create it, or mount its volume" : nil
      throw Failure(
        .noSuchInput, "the \(what) \(shown(Array(path.utf8))) cannot be used: \(errno.message)",
        remedy: remedy)
    }
    defer { free(resolved) }
    let text = String(cString: resolved)
    guard isDirectory(text) else {
      throw Failure(
        .noSuchInput, "the \(what) \(shown(Array(text.utf8))) is no directory", remedy: nil)
    }
    return text
  }

  private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// What is published would arrive again, or be published over.
  private func refuseOverlaps(_ folders: [HotFolder]) throws {
    let all =
      folders.map { ("hot folder", $0.path) }
      + Set(folders.flatMap(\.roots.values)).sorted().map { ("destination", $0) }
    let mounts = MountTable()
    let lineages = all.map { Lineage(of: $0.1, mounts: mounts) }
    for (index, (kind, path)) in all.enumerated() {
      for (otherIndex, (otherKind, other)) in all.enumerated().dropFirst(index + 1)
      where kind == "hot folder" || otherKind == "hot folder" {
        if lineages[index].overlaps(lineages[otherIndex]) {
          throw Failure(
            .badConfiguration, "the \(kind) \(path) and the \(otherKind) \(other) overlap",
            remedy: "keep them apart: neither may lie inside the other")
        }
      }
    }
  }

  /// The journal would arrive as a file, or be published over.
  private func refuseStateBelow(_ state: String, _ folders: [HotFolder]) throws {
    // It may not exist yet; its parents tell where it will lie.
    let path = URL(fileURLWithPath: state).standardizedFileURL.resolvingSymlinksInPath().path
    for other in folders.flatMap({ [$0.path] + $0.roots.values.sorted() })
    where path == other || path.hasPrefix(other + "/") {
      throw Failure(
        .badConfiguration, "the state directory \(path) lies in \(other)",
        remedy: "name one outside with --state DIR")
    }
  }

  /// Tried, not predicted: permission bits say little on network file systems and nothing on read-only mounts.
  private func checkWritable(_ path: String) throws {
    // Of one name for all, so that what a kill between these calls leaves behind goes at the next start.
    let probe = path + "/.hotplate-probe"
    unlink(probe)
    let file = open(probe, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else {
      let errno = Errno.current
      // A full destination pauses its jobs; it keeps nobody from starting.
      if errno == .noSpace || errno == .overQuota { return }
      // Another start is trying it at this moment.
      if errno == .exists { return }
      throw Failure(
        .cannotWrite,
        "the destination \(shown(Array(path.utf8))) cannot be written: \(errno.message)",
        remedy: errno == .readOnly ? "mount it writable" : "give this user the right to write there"
      )
    }
    close(file)
    unlink(probe)
  }
}

extension HotFolder {
  /// Whether its volume is there, as far as its marker says.
  var bearsItsMarker: Bool {
    var status = stat()
    return marker.map { lstat($0, &status) == 0 } ?? true
  }
}

/// Everything a daemon needs to know, checked.
struct Folders: Sendable {
  let hotFolders: [HotFolder]
  let rules: String
  let state: String
  /// HOST:PORT, or nil for the unix socket alone.
  let listen: String?
  let durability: TransferPlan.Durability
  let workers: Int?
}
