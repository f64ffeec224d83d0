import Foundation
import Journal
import Testing

@Suite struct `Ids of jobs` {
  @Test func `rise although the clock goes back`() {
    let ids = JobIDs()
    var made: [UUIDv7] = []
    for step in 0..<1000 {
      made.append(ids.next(at: noon.addingTimeInterval(step % 7 == 0 ? -86_400 : Double(step))))
    }
    #expect(zip(made, made.dropFirst()).allSatisfy { $0 < $1 })
    #expect(zip(made, made.dropFirst()).allSatisfy { "\($0)" < "\($1)" }, "as text too")
  }

  @Test func `rise from many tasks and are never given twice`() async {
    let ids = JobIDs()
    let made = await withTaskGroup(of: [UUIDv7].self) { group in
      for _ in 0..<8 { group.addTask { (0..<500).map { _ in ids.next(at: noon) } } }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(Set(made).count == 4000)
  }

  @Test func `are UUIDs of version 7 that hold the time of their making`() throws {
    let text = JobIDs().next(at: noon).description
    #expect(
      text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/)
        != nil)
    let head = text.replacing("-", with: "").prefix(12)
    #expect(Int(head, radix: 16) == 1_760_000_000_125)
  }

  @Test func `come back from their text`() {
    // The example of RFC 9562, A.6.
    let text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    #expect(UUIDv7(text)?.description == text)
    #expect(UUIDv7("017f22e2-79b0-4cc3-98c4-dc0c0c07398f") == nil, "version 4")
    #expect(UUIDv7("job 12") == nil)
    let id = JobIDs().next(at: noon)
    #expect(UUIDv7(id.description) == id)
  }

  @Test func `rise across a restart with the clock set back`() async throws {
    try await withStateDirectory { state in
      let before = try Journal(stateDirectory: state)
      let id = before.makeID(at: noon)
      try await before.insert(job(id), frames: [], claims: [])
      try await before.close()
      let after = try Journal(stateDirectory: state)
      #expect(after.makeID(at: noon.addingTimeInterval(-86_400)) > id)
      try await after.close()
    }
  }
}
