import Testing

@testable import hotplate

@Suite struct HTTPReplyTests {
  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"),
    ("HTTP/1.1 202\r\ncontent-LENGTH:  2 \r\n\r\nhi and more", 202, "hi"),
    ("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nuntil the end", 404, "until the end"),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\nA;x=y\r\npedia in\r\n\r\n0\r\n\r\n",
      200, "Wikipedia in\r\n"
    ),
    ("HTTP/1.1 204 No Content\n\n", 204, ""),
  ])
  func `an answer is read whatever tells its length`(text: String, status: Int, body: String)
    throws
  {
    let reply = try HTTPReply(parsing: Array(text.utf8))
    #expect(reply.status == status)
    #expect(String(decoding: reply.body, as: UTF8.self) == body)
  }

  @Test(arguments: [
    "", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  ])
  func `half an answer is not taken for a whole one`(text: String) {
    #expect(throws: HTTPReply.Mistake.cutShort) { try HTTPReply(parsing: Array(text.utf8)) }
  }

  @Test(arguments: [
    "SSH-2.0\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 -20\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
  ])
  func `what is no answer is refused`(text: String) {
    #expect(throws: HTTPReply.Mistake.malformed) { try HTTPReply(parsing: Array(text.utf8)) }
  }

  @Test func `no bytes crash it`() {
    var random = SystemRandomNumberGenerator()
    let seed = random.next()
    var generator = Xorshift(state: seed | 1)
    let alphabet = Array("HTTP/1. 200\r\n:;-+0aFchunkedTransfer-EncodingContent-Length".utf8)
    for _ in 0..<20_000 {
      var bytes = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
      for _ in 0..<Int.random(in: 0..<12, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[place] = alphabet.randomElement(using: &generator)!
      }
      bytes += (0..<Int.random(in: 0..<20, using: &generator)).map { _ in
        alphabet.randomElement(using: &generator)!
      }
      do {
        let body = try HTTPReply(parsing: bytes).body
        #expect(body.count <= bytes.count, "seed \(seed)")
      } catch {}
    }
  }
}

private struct Xorshift: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
