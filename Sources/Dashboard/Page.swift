import CPage
import HTTPTypes
import Hummingbird
import NIOCore

/// The page and the API's description, as they lie in the program: nothing is read from a disk or a network.
enum Page {
  /// One file with its style and script. Each answer has a nonce of its own: nothing else on the page may run or style it.
  @Sendable static func show(_ request: Request, _ context: APIContext) -> Response {
    let nonce = nonce()
    var buffer = ByteBuffer()
    for (index, part) in parts.enumerated() {
      if index > 0 { buffer.writeString(nonce) }
      buffer.writeBytes(part)
    }
    let policy =
      "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; "
      + "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
      + "frame-ancestors 'none'"
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
        .contentSecurityPolicy: policy, .xContentTypeOptions: "nosniff",
        HTTPField.Name("Referrer-Policy")!: "no-referrer",
        HTTPField.Name("X-Frame-Options")!: "DENY",
        HTTPField.Name("Cross-Origin-Opener-Policy")!: "same-origin",
      ], body: ResponseBody(byteBuffer: buffer))
  }

  @Sendable static func description(_ request: Request, _ context: APIContext) -> Response {
    Response(
      status: .ok,
      headers: [
        .contentType: "application/yaml", .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
      ],
      body: ResponseBody(
        byteBuffer: ByteBuffer(bytes: bytes(hp_openapi))))
  }

  /// The page between the places of the nonce.
  private static let parts: [[UInt8]] = {
    return String(decoding: bytes(hp_page), as: UTF8.self).components(separatedBy: "{{nonce}}").map
    {
      Array($0.utf8)
    }
  }()

  private static func bytes(_ file: hp_file) -> [UInt8] {
    Array(UnsafeBufferPointer(start: file.bytes, count: file.size))
  }

  private static func nonce() -> String {
    (0..<4).map { _ in String(UInt32.random(in: .min ... .max), radix: 36) }.joined()
  }
}
