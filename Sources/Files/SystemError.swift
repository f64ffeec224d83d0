import Glibc
import Paths

/// A system call that failed, with what it was asked to do.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The name of the call, as its manual page has it.
  public let call: String
  public let errno: Errno
  /// What it was done to, already safe to show.
  public let path: String

  public init(_ call: String, _ path: String, errno: Errno = .current) {
    self.call = call
    self.path = path
    self.errno = errno
  }

  public var description: String { "\(path): \(errno.message) (\(call))" }
}

/// An error number of the kernel.
public struct Errno: Error, Hashable, Sendable, RawRepresentable {
  public let rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// What the last failed call on this thread left. Read it before anything else runs.
  public static var current: Errno { Errno(rawValue: Glibc.errno) }

  public static let notFound = Errno(rawValue: ENOENT)
  public static let exists = Errno(rawValue: EEXIST)
  public static let notADirectory = Errno(rawValue: ENOTDIR)
  public static let isADirectory = Errno(rawValue: EISDIR)
  public static let notEmpty = Errno(rawValue: ENOTEMPTY)
  public static let symlink = Errno(rawValue: ELOOP)
  public static let crossDevice = Errno(rawValue: EXDEV)
  public static let noSpace = Errno(rawValue: ENOSPC)
  public static let overQuota = Errno(rawValue: EDQUOT)
  public static let readOnly = Errno(rawValue: EROFS)
  public static let noPermission = Errno(rawValue: EACCES)
  public static let notPermitted = Errno(rawValue: EPERM)
  public static let tryAgain = Errno(rawValue: EAGAIN)
  public static let invalid = Errno(rawValue: EINVAL)
  public static let tooManyLinks = Errno(rawValue: EMLINK)
  public static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
  public static let textFileBusy = Errno(rawValue: ETXTBSY)
  public static let unsupported = Errno(rawValue: EOPNOTSUPP)
  public static let unknownRequest = Errno(rawValue: ENOTTY)
  public static let noSystemCall = Errno(rawValue: ENOSYS)
  public static let inputOutput = Errno(rawValue: EIO)
  public static let stale = Errno(rawValue: ESTALE)
  public static let notConnected = Errno(rawValue: ENOTCONN)
  public static let interrupted = Errno(rawValue: EINTR)
  public static let noMoreWatches = Errno(rawValue: ENOSPC)

  /// This process or this machine has none of something left that it gives back soon: descriptors, or memory.
  public var isExhaustion: Bool { [EMFILE, ENFILE, ENOMEM].contains(rawValue) }

  /// The kernel's sentence, e.g. "No space left on device".
  public var message: String { String(cString: strerror(rawValue)) }
}
