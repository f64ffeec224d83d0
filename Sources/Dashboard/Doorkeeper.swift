import HTTPTypes
import Hummingbird

/// Lets in only requests that come from this machine on purpose.
///
/// A web page the user happens to look at can send requests to loopback. Its Origin gives it away; a name that it
/// rebinds to 127.0.0.1 shows in Host; and a form cannot send `application/json`.
struct Doorkeeper: RouterMiddleware {
  /// Hosts without port, in lower case; nil stands for none sent.
  let hosts: Set<String?>

  /// For a unix socket, where Host means nothing: none, an empty one, or `localhost` as curl sends.
  static let unixSocket = Doorkeeper(hosts: [nil, "", "localhost"])
  /// For a TCP listener on this machine.
  static let loopback = Doorkeeper(hosts: ["localhost", "127.0.0.1", "[::1]"])

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    guard hosts.contains(request.head.authority.map(hostWithoutPort)) else {
      throw Refusal(.forbidden, "foreign-host", "this Host is not served here")
    }
    for origin in request.headers[values: .origin] {
      guard let authority = request.head.authority, !authority.isEmpty,
        origin.lowercased() == "http://" + authority.lowercased()
      else { throw Refusal(.forbidden, "foreign-origin", "this Origin may not ask here") }
    }
    if request.method != .get && request.method != .head {
      let type = request.headers[.contentType]?.prefix { $0 != ";" && $0 != " " } ?? ""
      guard type.lowercased() == "application/json" else {
        throw Refusal(
          .unsupportedMediaType, "json-only", "send it with Content-Type: application/json")
      }
    }
    return try await next(request, context)
  }
}

private func hostWithoutPort(_ authority: String) -> String {
  let host = authority.lowercased()
  if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
    let rest = host[host.index(after: end)...]
    return rest.isEmpty || rest.hasPrefix(":") ? String(host[...end]) : host
  }
  return String(host.prefix { $0 != ":" })
}
