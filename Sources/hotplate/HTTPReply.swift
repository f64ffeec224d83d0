/// The answer to one request whose connection the server then closed (RFC 9112).
struct HTTPReply: Hashable {
  let status: Int
  let body: [UInt8]

  enum Mistake: Error, Hashable {
    /// Not HTTP, or of a form that no server sends to `Connection: close`.
    case malformed
    /// The connection ended within the answer.
    case cutShort
  }

  /// - Parameter bytes: everything that came until the end of the connection.
  init(parsing bytes: [UInt8]) throws(Mistake) {
    var rest = bytes[...]
    let statusLine = try rest.takeLine().split(separator: space)
    guard statusLine.count >= 2, statusLine[0].starts(with: "HTTP/1.".utf8),
      let status = decimal(statusLine[1]), 100...599 ~= status
    else { throw .malformed }
    self.status = status
    var length: Int?
    var chunked = false
    while true {
      let line = try rest.takeLine()
      if line.isEmpty { break }
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .malformed }
      let value = String(decoding: line[(colon + 1)...], as: UTF8.self).lowercased()
      switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
      case "content-length": length = decimal(trimmed(line[(colon + 1)...]))
      case "transfer-encoding": chunked = value.hasSuffix("chunked")
      default: break
      }
    }
    if chunked {
      body = try rest.takeChunks()
    } else if let length {
      guard rest.count >= length else { throw .cutShort }
      body = Array(rest.prefix(length))
    } else {
      body = Array(rest)
    }
  }
}

private let space = UInt8(ascii: " ")

private func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  var bytes = bytes.drop { $0 == space || $0 == UInt8(ascii: "\t") }
  while bytes.last == space || bytes.last == UInt8(ascii: "\t") { bytes.removeLast() }
  return bytes
}

private func decimal(_ bytes: ArraySlice<UInt8>) -> Int? {
  guard bytes.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
  return Int(String(decoding: bytes, as: UTF8.self))
}

extension ArraySlice<UInt8> {
  fileprivate mutating func takeLine() throws(HTTPReply.Mistake) -> ArraySlice<UInt8> {
    guard let end = firstIndex(of: UInt8(ascii: "\n")) else { throw .cutShort }
    var line = self[startIndex..<end]
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    self = self[(end + 1)...]
    return line
  }

  fileprivate mutating func takeChunks() throws(HTTPReply.Mistake) -> [UInt8] {
    var body: [UInt8] = []
    while true {
      let size = trimmed(try takeLine().prefix { $0 != UInt8(ascii: ";") })
      guard size.first != UInt8(ascii: "-"), size.first != UInt8(ascii: "+"),
        let count = Int(String(decoding: size, as: UTF8.self), radix: 16)
      else { throw .malformed }
      if count == 0 { return body }
      guard self.count >= count else { throw .cutShort }
      body += prefix(count)
      self = dropFirst(count)
      guard try takeLine().isEmpty else { throw .malformed }
    }
  }
}
