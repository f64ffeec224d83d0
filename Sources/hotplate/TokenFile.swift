import Dashboard
import Foundation
import Paths

/// The secret for requests from other machines, in the state directory: made once, readable by its owner only.
struct TokenFile {
  let path: String

  init(in state: String) { path = state + "/token" }

  /// - Throws: `.badConfiguration` if what lies there is no token, or others may read it; `.cannotWrite`.
  func token() throws -> AccessToken {
    if let token = try existing() { return token }
    let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
    let text = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    // Whole or not at all: an end in between must not leave an empty one.
    let fresh = path + ".new"
    unlink(fresh)
    let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("cannot be made") }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try file.write(contentsOf: Data((text + "\n").utf8))
    guard rename(fresh, path) == 0 else { throw failure("cannot be made") }
    return AccessToken(text)!
  }

  private func existing() throws -> AccessToken? {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw failure("cannot be read")
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.badConfiguration, "\(shown(Array(path.utf8))) is not a file")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw Failure(
        .badConfiguration, "others may read \(shown(Array(path.utf8)))",
        remedy: "chmod 600 it, and change it: it may be known")
    }
    let data = try file.read(upToCount: 4096) ?? Data()
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard let token = AccessToken(text) else {
      throw Failure(
        .badConfiguration, "\(shown(Array(path.utf8))) holds no token",
        remedy: "at least 16 letters, digits, '-' and '_'; or remove it, and one is made")
    }
    return token
  }

  private func failure(_ what: String) -> Failure {
    let why = String(cString: strerror(errno))
    return Failure(
      .cannotWrite, "the token \(shown(Array(path.utf8))) \(what): \(why)", remedy: nil)
  }
}
