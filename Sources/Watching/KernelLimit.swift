import Glibc

/// A limit of inotify that was reached, and how to raise it (`inotify(7)`, /proc interfaces).
public struct KernelLimit: Hashable, Sendable, CustomStringConvertible {
  /// The sysctl, e.g. `fs.inotify.max_user_watches`.
  public let name: String
  /// nil where /proc does not tell.
  public let value: Int?
  /// How much of it this process uses; other programs of the same user share the limit.
  public let used: Int

  /// Shell command that raises the limit until the next boot.
  public var command: String { "sudo sysctl \(name)=\(max(524_288, 2 * (value ?? 0)))" }

  public var description: String {
    let limit = value.map { "\(name) is \($0)" } ?? "\(name) is reached"
    return "\(limit), of which this process uses \(used) and other programs of this user the rest; "
      + "raise it with: \(command) (to keep it, put the setting into /etc/sysctl.d/)"
  }

  /// One watch a directory. A user namespace may have a lower limit than the machine.
  static func watches(used: Int) -> KernelLimit {
    lower("fs.inotify.max_user_watches", "user.max_inotify_watches", used)
  }

  static func instances() -> KernelLimit {
    lower("fs.inotify.max_user_instances", "user.max_inotify_instances", 0)
  }

  private static func lower(_ machine: String, _ namespace: String, _ used: Int) -> KernelLimit {
    let (whole, own) = (setting(machine), setting(namespace))
    if let own, let whole, own < whole {
      return KernelLimit(name: namespace, value: own, used: used)
    }
    return KernelLimit(name: machine, value: whole, used: used)
  }

  private static func setting(_ name: String) -> Int? {
    let path = "/proc/sys/" + name.map { $0 == "." ? "/" : String($0) }.joined()
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var value = [CChar](repeating: 0, count: 32)
    guard fgets(&value, 32, file) != nil else { return nil }
    return Int(
      String(decoding: value.prefix { $0 > 0x20 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
  }
}
