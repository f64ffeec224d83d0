import Glibc
import ReadModel
import Testing

@testable import Dashboard

@Suite struct RouteTests {
  @Test func `jobs come newest first, as the engine gives them`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let answer = try await get(server, "/api/v1/jobs")
      #expect(answer.status == 200)
      #expect(answer.headers.contains("content-type: application/json"))
      #expect(answer.headers.contains("x-content-type-options: nosniff"))
      #expect(try decode([JobView].self, answer) == [FakeEngine.ended, FakeEngine.running])
      #expect(engine.asked.queries == [JobQuery(limit: 500)])
    }
  }

  @Test func `a query reaches the engine whole`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      _ = try await get(server, "/api/v1/jobs?state=held,failed&state=done&limit=7&before=0199A")
      #expect(
        engine.asked.queries == [
          JobQuery(states: [.held, .failed, .done], limit: 7, before: "0199a")
        ])
    }
  }

  @Test(arguments: ["state=sleeping", "limit=0", "limit=5001", "limit=many"])
  func `a query that means nothing is refused`(query: String) async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let answer = try await get(server, "/api/v1/jobs?\(query)")
      try expectError(answer, 400, "bad-request")
      #expect(engine.asked.queries.isEmpty)
    }
  }

  @Test(arguments: [FakeEngine.running.id, FakeEngine.running.id.uppercased(), "0000aaaa", "aaaa"])
  func `a job is found by its id, and by an end of it that no other has`(id: String) async throws {
    try await withServer { server in
      let answer = try await get(server, "/api/v1/jobs/\(id)")
      #expect(answer.status == 200)
      let detail = try decode(JobDetailView.self, answer)
      #expect(detail.job == FakeEngine.running)
      #expect(detail.map == [PlannedPair(source: "/drop/a", destination: "/shows/a")])
    }
  }

  @Test(arguments: [
    ("cccc", 404, "unknown-job"), ("%27%20OR%201", 404, "unknown-job"),
    ("0199", 409, "ambiguous"),
  ])
  func `what names no single job is refused, also for a cancel`(
    id: String, status: Int, code: String
  ) async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      try expectError(try await get(server, "/api/v1/jobs/\(id)"), status, code)
      try expectError(try await post(server, "/api/v1/jobs/\(id)/cancel", "{}"), status, code)
      #expect(engine.asked.cancelled.isEmpty)
    }
  }

  @Test func `a cancel is accepted with the job, and tells the engine who and why`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let answer = try await post(server, "/api/v1/jobs/aaaa/cancel", #"{"why": "wrong take"}"#)
      #expect(answer.status == 202)
      #expect(try decode(JobView.self, answer) == FakeEngine.running)
      #expect(engine.asked.cancelled == [FakeEngine.running.id])
      #expect(engine.asked.whys == ["wrong take"])
      // The kernel says who is at the other end: this very process.
      #expect(engine.asked.by.first?.hasSuffix(", process \(getpid())") == true)
    }
  }

  @Test func `a cancel needs no reason and no body`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let answer = try await post(server, "/api/v1/jobs/aaaa/cancel", "")
      #expect(answer.status == 202)
      #expect(engine.asked.whys == [nil])
    }
  }

  @Test func `a cancel that comes too late says why and shows the job`() async throws {
    try await withServer { server in
      let answer = try await post(server, "/api/v1/jobs/bbbb/cancel", "{}")
      try expectError(answer, 409, "too-late")
      let body = try decode(ErrorAnswer.self, answer)
      #expect(body.error.message == "it was published at 09:15")
      #expect(body.job == FakeEngine.ended)
    }
  }

  @Test(arguments: ["retry", "undo"])
  func `a retry and an undo are accepted with the job, or refused with the reason`(wish: String)
    async throws
  {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let answer = try await post(server, "/api/v1/jobs/bbbb/\(wish)", "{}")
      #expect(answer.status == 202)
      #expect(try decode(JobView.self, answer) == FakeEngine.ended)
      let refused = try await post(server, "/api/v1/jobs/aaaa/\(wish)", "")
      try expectError(refused, 409, "refused")
      #expect(try decode(ErrorAnswer.self, refused).job == FakeEngine.running)
      try expectError(try await post(server, "/api/v1/jobs/cccc/\(wish)", ""), 404, "unknown-job")
      let asked = wish == "retry" ? engine.asked.retried : engine.asked.undone
      #expect(asked == [FakeEngine.ended.id, FakeEngine.running.id])
      #expect(engine.asked.by.allSatisfy { $0.hasSuffix(", process \(getpid())") })
    }
  }

  @Test func `a path is cancelled by its exact bytes`() async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      let body = #"{"path": "/drop/�", "path_bytes": "L2Ryb3Av/w==", "why": "gone"}"#
      let answer = try await post(server, "/api/v1/cancel", body)
      #expect(answer.status == 202)
      #expect(try decode([JobView].self, answer) == [FakeEngine.running])
      #expect(engine.asked.paths == [ExactText(Array("/drop/".utf8) + [0xFF])])
      #expect(engine.asked.whys == ["gone"])
    }
  }

  @Test(arguments: [
    "", "{}", "[]", "{", #"{"path": null}"#, #"{"path": "drop/sh010"}"#, #"{"path": ""}"#,
    #"{"path": "/drop/\u0000"}"#,
  ])
  func `a path that is none cancels nothing`(body: String) async throws {
    let engine = FakeEngine()
    try await withServer(engine) { server in
      try expectError(try await post(server, "/api/v1/cancel", body), 400, "bad-request")
      #expect(engine.asked.paths.isEmpty)
    }
  }

  @Test func `arrivals and health are served`() async throws {
    try await withServer { server in
      let arrivals = try await get(server, "/api/v1/arrivals")
      #expect(try decode([ArrivalView].self, arrivals).map(\.files) == [3])
      let health = try await get(server, "/api/v1/health")
      #expect(try decode(HealthView.self, health).ok)
    }
  }

  @Test func `a path that nothing answers is a 404 with a reason`() async throws {
    try await withServer { server in
      try expectError(try await get(server, "/api/v2/jobs"), 404, "not-found")
    }
  }

  @Test func `an engine that fails is a 500 with its words`() async throws {
    try await withServer(FakeEngine(broken: true)) { server in
      let answer = try await get(server, "/api/v1/jobs")
      try expectError(answer, 500, "internal")
      #expect(answer.body.contains("the journal does not answer"))
    }
  }
}

func decode<Value: Decodable>(_ type: Value.Type, _ answer: Answer) throws -> Value {
  try JSON.decode(type, from: Array(answer.body.utf8))
}

func expectError(
  _ answer: Answer, _ status: Int, _ code: String, _ here: SourceLocation = #_sourceLocation
) throws {
  #expect(answer.status == status, sourceLocation: here)
  let body = try decode(ErrorAnswer.self, answer)
  #expect(body.error.code == code, sourceLocation: here)
  #expect(!body.error.message.isEmpty, sourceLocation: here)
}
