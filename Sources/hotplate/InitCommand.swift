import ArgumentParser
import Files
import Foundation
import Glibc
import Paths
import Rules

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Write a commented hotplate.yaml and a first rule.",
    discussion: """
      They work as they are: what is dropped into drop/ and fits the rule goes to projects/. Directories that are there already are kept as they are; \
      a file that is there already is never written over.
      Ends with 0; 73 if one of the files is there already, with nothing written, or cannot be written.

      Example:
        hotplate init demo && cd demo && hotplate watch --config hotplate.yaml
      """)

  @Argument(
    help: ArgumentHelp("The directory; made if it is not there.", valueName: "dir"),
    completion: .directory)
  var directory = "."

  func run() throws {
    let place = try exactBytes(of: directory)
    for name in firstFiles.map(\.name) + firstDirectories {
      let path = below(place, name)
      let isDirectory = firstDirectories.contains(name)
      if exists(path), !isDirectory || !isDirectoryThere(path) {
        throw Failure(
          .cannotWrite, "\(shown(path)) is there already; nothing was written",
          remedy: "name another directory, or move it away")
      }
    }
    try makeDirectory(place)
    for name in firstDirectories { try makeDirectory(below(place, name)) }
    for (name, text) in firstFiles { try write(text, to: below(place, name)) }
    let shownPlace = shown(place)
    let go = directory == "." ? [] : ["  cd \(shownPlace)"]
    printLines(
      firstFiles.map { "wrote \(shown(below(place, $0.name)))" }
        + ["", "Next:"] + go + [
          "  hotplate check rules                           # the examples in the rules",
          "  hotplate explain 'sh010_v1.[1-10].exr'         # where a sequence would go, and why",
          "  hotplate watch --config hotplate.yaml          # the daemon, until Ctrl-C",
          "Then copy frames into drop/, look into projects/, and from another terminal",
          "  hotplate jobs --config hotplate.yaml           # what runs and what ran",
          "  hotplate arrivals --config hotplate.yaml       # what has no job, and why",
        ])
  }

  private func below(_ place: [UInt8], _ name: String) -> [UInt8] {
    directory == "."
      ? Array(name.utf8) : place + (place.last == slash ? [] : [slash]) + Array(name.utf8)
  }

  private func exists(_ path: [UInt8]) -> Bool {
    var status = stat()
    return path.withCString { lstat($0, &status) } == 0
  }

  private func isDirectoryThere(_ path: [UInt8]) -> Bool {
    var status = stat()
    return path.withCString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// With those above it; one that is there already is fine.
  private func makeDirectory(_ path: [UInt8]) throws {
    if path.withCString({ mkdir($0, 0o777) }) == 0 || isDirectoryThere(path) { return }
    if Errno.current == .notFound, let cut = path.lastIndex(of: slash), cut > 0 {
      try makeDirectory(Array(path[..<cut]))
      if path.withCString({ mkdir($0, 0o777) }) == 0 || isDirectoryThere(path) { return }
    }
    throw cannot("mkdir", path)
  }

  /// Anew or not at all: what came there since the look stays as it is.
  private func write(_ text: String, to path: [UInt8]) throws {
    let file = path.withCString {
      open($0, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o666)
    }
    guard file >= 0 else { throw cannot("open", path) }
    defer { close(file) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if written < 0 && Errno.current == .interrupted { continue }
      guard written > 0 else { throw cannot("write", path) }
      rest = rest.dropFirst(written)
    }
  }

  private func cannot(_ call: String, _ path: [UInt8]) -> Failure {
    Failure(
      .cannotWrite, "\(SystemError(call, shown(path)))",
      remedy: "name a directory in which this user may write")
  }
}

private let slash = UInt8(ascii: "/")

extension [UInt8] {
  fileprivate func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    (map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}
