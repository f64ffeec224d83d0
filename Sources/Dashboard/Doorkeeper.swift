import HTTPTypes
import Hummingbird

/// What the doorkeeper looks at of a request.
struct Knock: Hashable, Sendable {
  /// GET or HEAD: it changes nothing.
  var isReading = true
  /// Each `Host` line.
  var hosts: [String] = []
  var origins: [String] = []
  var contentType: String?
  var authorization: String?
  var cookies: [String] = []
}

/// Lets in only requests that come from where they may, on purpose.
///
/// A web page the user happens to look at can send requests to loopback. Its Origin gives it away; a name that it
/// rebinds to 127.0.0.1 shows in Host; and a form cannot send `application/json`. From other machines, a token is wanted.
struct Doorkeeper: RouterMiddleware {
  /// Hosts without port, in lower case; nil stands for none sent.
  let hosts: Set<String?>
  /// Addresses written as numbers are no names that somebody could rebind.
  var takesAddresses = false
  /// nil: nobody is asked for one.
  var token: AccessToken?

  /// For a unix socket, where Host means nothing: none, an empty one, or `localhost` as curl sends.
  static let unixSocket = Doorkeeper(hosts: [nil, "", "localhost"])
  /// For a TCP listener that only this machine reaches.
  static let loopback = Doorkeeper(hosts: ["localhost", "127.0.0.1", "[::1]"])

  /// For one that other machines reach.
  ///
  /// - Parameter names: under which this machine is known, without port.
  static func network(names: [String], token: AccessToken) -> Doorkeeper {
    Doorkeeper(
      hosts: Set(names.map { $0.lowercased() } + ["localhost"]), takesAddresses: true, token: token)
  }

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    if let refusal = refusal(of: Knock(request), at: request.uri.path) { throw refusal }
    return try await next(request, context)
  }

  /// Why a request is not let in; nil if it is.
  ///
  /// - Parameter path: the page itself and the way to show a token ask for none.
  func refusal(of knock: Knock, at path: String = "") -> Refusal? {
    guard knock.hosts.count < 2, isHere(knock.hosts.first.map(hostWithoutPort)) else {
      return Refusal(.forbidden, "foreign-host", "this Host is not served here")
    }
    for origin in knock.origins {
      guard let host = knock.hosts.first?.lowercased(), !host.isEmpty,
        origin.lowercased() == "http://" + host
          // Behind a proxy that speaks TLS to other machines.
          || token != nil && origin.lowercased() == "https://" + host
      else { return Refusal(.forbidden, "foreign-origin", "this Origin may not ask here") }
    }
    if !knock.isReading {
      let type = knock.contentType?.prefix { $0 != ";" && $0 != " " } ?? ""
      guard type.lowercased() == "application/json" else {
        return Refusal(
          .unsupportedMediaType, "json-only", "send it with Content-Type: application/json")
      }
    }
    if let token, !token.isShown(by: knock), !open.contains(path) {
      return Refusal(
        .unauthorized, "token-wanted",
        "from another machine, show the token: Authorization: Bearer, or POST \(sessionPath)")
    }
    return nil
  }

  private func isHere(_ host: String?) -> Bool {
    hosts.contains(host) || takesAddresses && host.map(isAddress) == true
  }
}

let sessionPath = "/api/v1/session"
/// What is answered without a token: it tells nothing.
private let open: Set<String> = ["/", "/favicon.ico", sessionPath]

/// The secret that requests from other machines show.
public struct AccessToken: Sendable {
  private let text: String

  /// - Parameter text: at least 16 characters that a cookie may hold (letters, digits, `-`, `_`); nil for anything else.
  public init?(_ text: String) {
    let allowed = text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
        || $0 == 0x2d || $0 == 0x5f
    }
    guard text.utf8.count >= 16, allowed else { return nil }
    self.text = text
  }

  var cookie: String { "\(cookieName)=\(text); Path=/; HttpOnly; SameSite=Strict" }

  /// Takes as long for a wrong one as for a nearly right one.
  func isEqual(to other: String) -> Bool {
    let (own, other) = (Array(text.utf8), Array(other.utf8))
    guard own.count == other.count else { return false }
    return zip(own, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }

  func isShown(by knock: Knock) -> Bool {
    if let authorization = knock.authorization {
      let parts = authorization.split(separator: " ", maxSplits: 1)
      return parts.count == 2 && parts[0].lowercased() == "bearer" && isEqual(to: String(parts[1]))
    }
    let shown = knock.cookies.flatMap { $0.split(separator: ";") }.compactMap { pair in
      let parts = pair.split(separator: "=", maxSplits: 1)
      return parts.count == 2 && parts[0].trimmingPrefix(" ") == cookieName
        ? String(parts[1]) : nil
    }
    return shown.contains(where: isEqual)
  }
}

private let cookieName = "hotplate"

extension Knock {
  init(_ request: Request) {
    self.init(
      isReading: request.method == .get || request.method == .head,
      hosts: request.head.authority.map { [$0] } ?? [],
      origins: request.headers[values: .origin], contentType: request.headers[.contentType],
      authorization: request.headers[.authorization], cookies: request.headers[values: .cookie])
  }
}

private func hostWithoutPort(_ authority: String) -> String {
  let host = authority.lowercased()
  let end =
    host.hasPrefix("[")
    ? host.firstIndex(of: "]").map(host.index(after:)) ?? host.endIndex
    : host.firstIndex(of: ":") ?? host.endIndex
  let rest = host[end...]
  let isPort = rest.first == ":" && rest.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
  // What is no port belongs to a name that is none of ours.
  return rest.isEmpty || isPort ? String(host[..<end]) : host
}

/// Whether it is written in numbers: IPv4 with dots, or IPv6 in brackets.
private func isAddress(_ host: String) -> Bool {
  if host.hasPrefix("[") { return host.hasSuffix("]") }
  let parts = host.split(separator: ".", omittingEmptySubsequences: false)
  return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
}
