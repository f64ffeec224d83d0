import Glibc
import Hummingbird
import NIOCore
import NIOPosix

/// One request and the connection it came by.
struct APIContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }

  /// Who asks, for the record: the user at the other end of the unix socket, or the address.
  func caller() async -> String {
    guard case .unixDomainSocket? = channel.localAddress else {
      return channel.remoteAddress?.ipAddress ?? "an unknown address"
    }
    guard let options = channel as? any SocketOptionProvider,
      let peer: PeerCredentials = try? await options.unsafeGetSocketOption(
        level: .socket, name: .init(rawValue: SO_PEERCRED)
      ).get()
    else { return "an unknown process" }
    // The name may come from a directory service, which can take its time.
    return await offPool { "\(userName(peer.user) ?? "uid \(peer.user)"), process \(peer.process)" }
  }
}

/// `struct ucred` of `unix(7)`: the other end as it was when it connected.
private struct PeerCredentials: Sendable {
  var process: Int32 = 0
  var user: UInt32 = 0
  var group: UInt32 = 0
}

private func userName(_ user: UInt32) -> String? {
  var entry = passwd()
  var found: UnsafeMutablePointer<passwd>?
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 * 1024) { buffer in
    getpwuid_r(user, &entry, buffer.baseAddress!, buffer.count, &found)
    guard found != nil, let name = entry.pw_name else { return nil }
    return String(cString: name)
  }
}
