import ArgumentParser
import Paths
import ReadModel

struct ShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Shows one job: where it stands, its plan and its history.",
    discussion: """
      Example: hotplate show 8f3a61c2
      """)

  @OptionGroup var options: StateOptions

  @Argument(help: "An id, or a beginning or end of it that no other job has.")
  var job: String

  @Flag(help: "One object, with every file of the plan.")
  var json = false

  func run() async throws {
    let detail = try await JobSource.open(options.directory()).job(job)
    if json { return printJSON(try JSON.encode(detail, pretty: true)) }
    let color = Terminal.standardOutput.color
    let sections = [
      facts(of: detail).lines(color: color, width: nil),
      ["", "plan"] + plan(of: detail.map),
      ["", "history"] + history(of: detail).lines(color: color, width: nil),
      detail.cancel.map { ["", "cancel"] + cancelTable($0).lines(color: color, width: nil) } ?? [],
    ]
    printLines(Array(sections.joined()))
  }

  private func facts(of detail: JobDetailView) -> TextTable {
    let job = detail.job
    var rows: [(String, TextTable.Cell)] = [
      ("job", .init(job.id)), ("state", .init(stateText(job), style(of: job.state))),
      ("rule", .init(job.rule.map(shownText) ?? "-")),
      ("hot folder", .init(job.hotFolder.map(shownText) ?? "-")),
      ("source", .init(placeText(job.source, frames: true))),
      ("destination", .init(job.destination.map { placeText($0, frames: true) } ?? "-")),
      (
        "frames",
        .init(
          "\(job.frames.expected) expected, \(job.frames.staged) staged, "
            + "\(job.frames.published) published")
      ),
      ("bytes", .init(bytesText(job.bytes))),
      ("created", .init("\(job.created)")),
      ("started", .init(job.started.map { "\($0)" } ?? "-")),
      ("ended", .init(job.ended.map { "\($0)" } ?? "-")),
    ]
    let methods = Dictionary(grouping: detail.methods.compactMap(\.self)) { $0 }
    if !methods.isEmpty {
      let text = methods.sorted { $0.value.count > $1.value.count }.map {
        "\($0.value.count) \(methodText($0.key))"
      }
      rows.append(("transfer", .init(text.joined(separator: ", "))))
    }
    if let reason = job.reason { rows.append(("reason", .init(reasonText(reason)))) }
    if job.members.count > 1 {
      for member in job.members {
        let text = "\(member.state.rawValue)  " + placeText(member.source, frames: true)
        rows.append(("member", .init(text)))
      }
    }
    return TextTable(rows: rows.map { [.init($0.0, .faint), $0.1] })
  }

  private func methodText(_ method: String) -> String {
    switch method {
    case "copy": "copied"
    case "clone": "cloned"
    case "link": "linked"
    case "symlink": "symlinked"
    case "present": "already there"
    default: shownText(method)
    }
  }

  /// Both ends of a long plan: what is between follows from them.
  private func plan(of map: [PlannedPair]) -> [String] {
    func line(_ pair: PlannedPair) -> String {
      "  \(shown(pair.source.bytes)) → \(shown(pair.destination.bytes))"
    }
    guard map.count > 8 else { return map.map(line) }
    return map.prefix(4).map(line) + ["  … \(map.count - 6) more: --json"]
      + map.suffix(2).map(line)
  }

  private func history(of detail: JobDetailView) -> TextTable {
    TextTable(
      rows: detail.history.map { step in
        [
          .init("  \(step.at)"),
          .init(step.state?.rawValue ?? "", step.state.flatMap { style(of: $0) }),
          .init(shownSentence(step.message)),
        ]
      })
  }
}
