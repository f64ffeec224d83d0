import Hummingbird
import Testing

@testable import Dashboard

@Suite struct DescriptionTests {
  @Test func `every route is in the API's description, and nothing else is`() async throws {
    let engine = FakeEngine()
    let answers = Answers(
      engine: engine, pictures: nil, hub: StreamHub(engine: engine, limit: 1, logger: silent),
      refusals: Refusals(), limits: Limits(), logger: silent)
    let routes = Set(
      makeRouter(answers, doorkeeper: .unixSocket).routes.filter { $0.method != .head }.map {
        "\($0.method.rawValue.lowercased()) \(shape("\($0.path)"))"
      })
    var described: Set<String> = []
    try await withServer(engine) { server in
      var path = ""
      for line in try await get(server, "/api/v1/openapi.yaml").body.split(separator: "\n") {
        if line.hasPrefix("  /"), line.hasSuffix(":") {
          path = String(line.dropFirst(2).dropLast())
        } else if let method = ["get", "post", "put", "delete"].first(where: {
          line == "    \($0):"
        }) {
          described.insert("\(method) \(shape(path))")
        }
      }
    }
    #expect(described.count > 15)
    #expect(routes == described)
  }

  /// The path with the names of its parameters left out, however they are written.
  private func shape(_ path: String) -> String {
    "/"
      + path.split(separator: "/").map {
        $0.hasPrefix("{") || $0.hasPrefix(":") ? "*" : String($0)
      }.joined(separator: "/")
  }

  @Test func `asking for an event stream's head only takes no client's place`() async throws {
    try await withServer { server in
      let answer = try await exchange(
        server, "HEAD /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      #expect(answer.status == 200)
      let metrics = try await get(server, "/metrics")
      #expect(metrics.body.contains("hotplate_stream_clients 0"))
    }
  }
}
