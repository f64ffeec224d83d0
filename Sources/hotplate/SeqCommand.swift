import ArgumentParser
import Files
import Foundation
import Paths
import ReadModel

struct SeqCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seq",
    abstract: "List the image sequences in directories.",
    discussion: """
      The frame is guessed: the last number before the extension, unless it is a version, a subframe or a copy's counter.
      A pattern shows it as # (four digits) or one @ a digit, as fileseq does, and a texture's tiles as <UDIM>.
      Symlinks are listed and not followed; directories with a dot in front are not looked through.

      Example:
        hotplate seq -r /mnt/renders/sh010
        ls | hotplate seq --json -
      """)

  @Argument(
    help: ArgumentHelp(
      "Directories, or files to be grouped; - reads names from standard input, one a line.",
      valueName: "path"))
  var paths: [String]

  @Flag(name: .shortAndLong, help: "Look through the directories below as well.")
  var recursive = false

  @Flag(help: "List single files too.")
  var all = false

  @Flag(help: "Print a JSON array: one object a sequence, with its bytes.")
  var json = false

  func run() async throws {
    var search = SeqSearch(isRecursive: recursive, includesSingles: all, measuresBytes: json)
    var inputsMissing = 0
    let paths = try paths.map { (path) throws(Failure) in try exactBytes(of: path) }
    let onDisk = paths.filter { $0 != standardInput }
    for path in onDisk {
      do {
        try await Patience.during("looks through \(shown(path))") { try search.look(at: path) }
      } catch {
        complain("\(error)")
        inputsMissing += 1
      }
    }
    search.finishNames(onDisk: true)
    if onDisk.count < paths.count {
      do throws(SystemError) {
        for name in try readStandardInput().split(separator: UInt8(ascii: "\n")) {
          search.addName(Array(name))
        }
      } catch {
        complain("\(error)")
        inputsMissing += 1
      }
      search.finishNames(onDisk: false)
    }

    try show(SeqRow.inOrder(search.rows))
    for failure in search.failures { complain("\(failure)") }
    if search.rows.isEmpty, search.singlesLeftOut > 0 {
      let files =
        search.singlesLeftOut == 1 ? "1 single file" : "\(search.singlesLeftOut) single files"
      printError("no sequences, \(files) (--all lists them)\n")
    }
    if inputsMissing > 0 { throw CommandStatus.noSuchInput.quietly }
    if !search.failures.isEmpty { throw CommandStatus.incomplete.quietly }
  }

  private func show(_ rows: [SeqRow]) throws {
    if json {
      return printJSON(try JSON.encode(rows, pretty: isatty(STDOUT_FILENO) == 1))
    }
    let lines = rows.map(\.columns)
    let widths = (0..<4).map { column in lines.map { $0[column].count }.max() ?? 0 }
    var table: [String] = []
    for line in lines {
      var text = ""
      for (column, cell) in line.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        // Counts stand to the right, so that their digits align.
        text += column == 2 ? space + cell : cell + space
        text += "  "
      }
      while text.last == " " { text.removeLast() }
      table.append(text)
    }
    printLines(table)
  }
}

private let standardInput = [UInt8(ascii: "-")]

private func complain(_ message: String) {
  printError("hotplate: error: \(message)\n")
}

private func readStandardInput() throws(SystemError) -> [UInt8] {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(STDIN_FILENO, &chunk, chunk.count)
    if count > 0 { bytes += chunk[..<count] }
    if count == 0 { return bytes }
    if count < 0 {
      let error = SystemError("read", "standard input")
      if error.errno != .interrupted { throw error }
    }
  }
}
