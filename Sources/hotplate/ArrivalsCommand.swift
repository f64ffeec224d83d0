import ArgumentParser
import Paths
import ReadModel

struct ArrivalsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "arrivals",
    abstract: "Lists what lies in the hot folders without a job, and why.",
    discussion: """
      Asks the running daemon: without one, `hotplate plan` says what would become of a directory.

      Example: hotplate arrivals
      """)

  @OptionGroup var options: StateOptions

  @Flag(help: "An array of objects.")
  var json = false

  func run() async throws {
    let arrivals = try await DaemonClient(stateDirectory: try options.directory()).arrivals()
    if json { return printJSON(try JSON.encode(arrivals, pretty: true)) }
    if arrivals.isEmpty { return printLines(["nothing lies there without a job"]) }
    var table = TextTable(header: ["source", "files", "why"], rightAligned: [1])
    for arrival in arrivals {
      table.rows.append([
        .init(placeText(arrival.source, frames: true)), .init("\(arrival.files)"),
        .init(reasonText(arrival.reason)),
      ])
      if !arrival.refused.isEmpty {
        table.notes[table.rows.count - 1] = arrival.refused
          .map { "\(shownText($0.rule)): \(shownSentence($0.why))" }.joined(separator: "; ")
      }
    }
    printLines(table.lines(color: Terminal.standardOutput.color, width: nil))
  }
}
