import Foundation

/// Looks again and again until `condition` holds; the one place where tests wait for another process.
///
/// Tests see a daemon as its users do: through its files and its commands, neither of which tells when it changes. So
/// this polls, every millisecond, and gives up at the deadline by throwing. No test waits for a length of time.
///
/// - Parameter what: ends the sentence "waited … for".
public func waitUntil(
  _ what: @autoclosure () -> String, within limit: Duration = .seconds(60),
  _ condition: () throws -> Bool
) throws {
  let deadline = ContinuousClock.now + limit
  while try !condition() {
    guard ContinuousClock.now < deadline else { throw Failure("waited \(limit) for \(what())") }
    usleep(1000)
  }
}

/// The same for what runs in this process and answers only those who wait for it.
public func awaitState(
  _ what: @autoclosure () -> String, within limit: Duration = .seconds(60),
  _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + limit
  while try await !condition() {
    guard ContinuousClock.now < deadline else { throw Failure("waited \(limit) for \(what())") }
    try await Task.sleep(for: .milliseconds(1))
  }
}
