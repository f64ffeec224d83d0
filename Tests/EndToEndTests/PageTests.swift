import Foundation
import TestSupport
import Testing

/// Chromium of the system, driven by Playwright from PyPI, which `Tests/run` puts beside the build.
private let python = checkout + "/.build/browser/bin/python"
private let checkout = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().path
private let hasBrowser =
  access(python, X_OK) == 0
  && access(ProcessInfo.processInfo.environment["HOTPLATE_CHROMIUM"] ?? "/usr/bin/chromium", X_OK)
    == 0

/// The page in a real browser, on the real daemon, and the API under its description and under attack.
///
/// The scripts are `Tests/browser` and `Tests/openapi`. Pictures of the page stay in `.build/screenshots`.
extension Promises {
  /// Read back from the disk, frames take long enough to be watched and stopped.
  private static let watched = """
    hotplate: 1
    rules:
      - rule: renders
        match: '{shot}_beauty.{frame}.dat'
        ready: { quiet: 200ms }
        to: 'shots/{shot}/{shot}_beauty.{frame:04d}.dat'
        transfer: copy
        verify: readback
    """

  private func inBrowser(
    _ script: String, _ arguments: @escaping @Sendable (HotFolderTree) -> [String]
  ) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: Self.watched)
      let daemon = try tree.serve()
      let shots = "\(checkout)/.build/screenshots/\(script)"
      try FileManager.default.createDirectory(atPath: shots, withIntermediateDirectories: true)
      try run(
        [python, "\(checkout)/Tests/browser/\(script).py", "--shots", shots]
          + ["--url", try daemon.address] + arguments(tree))
      #expect(daemon.isRunning)
    }
  }

  private func run(_ words: [String]) throws {
    let outcome = try Command.run(words)
    let told = (outcome.out + outcome.err).suffix(4000)
    #expect(outcome.status == 0, "\(words.joined(separator: " "))\n\(told)")
  }

  @Test(
    "in a browser the strip of a delivery fills, and one click cancels it without a trace",
    .enabled(if: hasBrowser, "no chromium, or no Playwright in .build/browser"))
  func cancelOnPage() async throws {
    try await inBrowser("cancel") {
      ["--drop", $0.drop, "--destination", $0.destination, "--bytes", "8000000"]
    }
  }

  @Test(
    "in a browser a mistake in a rule file shows with its caret until it is mended",
    .enabled(if: hasBrowser, "no chromium, or no Playwright in .build/browser"))
  func mistakeOnPage() async throws {
    try await inBrowser("mistake") { ["--rules", "\($0.rules)/10-test.yaml"] }
  }

  @Test(
    "in a browser hostile names run nothing, turn nothing around and break no layout",
    .enabled(if: hasBrowser, "no chromium, or no Playwright in .build/browser"))
  func hostileNamesOnPage() async throws {
    try await inBrowser("hostile") { ["--drop", $0.drop] }
  }

  @Test(
    "in a browser 5,000 jobs and 100,000 frames scroll, by keyboard too, in dark and on a phone",
    .enabled(if: hasBrowser, "no chromium, or no Playwright in .build/browser"))
  func manyOnPage() async throws {
    let shots = "\(checkout)/.build/screenshots/many"
    try FileManager.default.createDirectory(atPath: shots, withIntermediateDirectories: true)
    // Drawn in software on two cores that others share: a frame late, 50 ms become 67.
    try run([
      python, "\(checkout)/Tests/browser/many.py", "--shots", shots, "--limit", "67", "--page",
      "\(checkout)/Sources/Dashboard/Page/page.html",
    ])
  }

  @Test(
    "every answer and message of the API is as its description says, and all of it is described")
  func openAPI() async throws {
    try run([
      "/usr/bin/python3", "\(checkout)/Tests/openapi/check.py", "--start", try Daemon.program,
      "--megabytes", "512", "--alerts", "\(checkout)/examples/monitoring/alerts.yml",
    ])
  }

  @Test(
    "the examples for a monitor are what Prometheus takes, and its alerts go off as they should",
    .enabled(if: access("/usr/bin/promtool", X_OK) == 0, "no promtool (Debian: prometheus)"))
  func monitoringExamples() throws {
    let examples = "\(checkout)/examples/monitoring"
    try run(["promtool", "check", "rules", "\(examples)/alerts.yml"])
    try run(["promtool", "check", "config", "\(examples)/prometheus.yml"])
    try run(["promtool", "test", "rules", "\(examples)/alerts_test.yml"])
  }

  @Test(
    "what comes over HTTP to harm is refused, and the daemon stays as small as it was",
    arguments: [
      "cross-origin-post", "text-plain-post", "rebinding-host", "websocket-foreign-origin",
      "websocket-rebinding-host", "slowloris-headers", "slowloris-body", "slowloris-upgrade",
      "huge-header", "huge-body", "huge-frame", "unmasked-frame", "control-frame",
      "many-connections", "many-websockets", "smuggling", "traversal",
    ])
  func hostileClients(_ attack: String) async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: Self.watched)
      let daemon = try tree.serve()
      try run([
        "/usr/bin/python3", "\(checkout)/Tests/openapi/hostile.py", "--url", try daemon.address,
        "--socket", "\(tree.state)/hotplate.sock", "--pid", "\(daemon.process)", "--case", attack,
      ])
      #expect(daemon.isRunning)
    }
  }
}

extension HotFolderTree {
  /// Starts a daemon that listens on loopback, and waits until it is ready.
  func serve() throws -> Daemon {
    let daemon = try launch(["--listen", "127.0.0.1:0"])
    try daemon.waitUntilReady()
    return daemon
  }
}

extension Daemon {
  /// Where it says that it listens.
  var address: String {
    get throws {
      let line = errors.split(separator: "\n").first { $0.contains("ready: ") }
      guard let line, let start = line.firstRange(of: "http://")?.lowerBound else {
        throw TestSupport.Failure("no address in: \(errors)")
      }
      return String(line[start...]).trimmingCharacters(in: .whitespaces)
    }
  }
}
