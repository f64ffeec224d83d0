import Foundation
import TestSupport

/// Where the cells of a row play: a directory in memory, for hundreds of journals sync; for reflinks a btrfs volume.
final class Ground: Sendable {
  private let folder: String
  private let isMounted: Bool

  init(for way: Way) throws {
    let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
    var template = Array("\(parent)/hotplate-cells-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Failure("mkdtemp: \(String(cString: strerror(errno)))")
    }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    isMounted = way == .reflink && Ground.mountBtrfs(in: folder)
  }

  /// Without root or the tools the frames are copied, as the rule says.
  private static func mountBtrfs(in folder: String) -> Bool {
    let (image, mounted) = ("\(folder)/image", "\(folder)/mounted")
    let commands = [
      ["truncate", "-s", "200M", image], ["mkfs.btrfs", "-q", image], ["mkdir", mounted],
      ["mount", "-o", "loop", image, mounted],
    ]
    return commands.allSatisfy { (try? Command.run($0))?.status == 0 }
  }

  func folder(_ name: String) throws -> String {
    let path = isMounted ? "\(folder)/mounted/\(name)" : "\(folder)/\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  func remove() {
    if isMounted { _ = try? Command.run(["umount", "-l", "\(folder)/mounted"]) }
    _ = try? Command.run(["rm", "-rf", "--one-file-system", "--", folder])
  }
}
