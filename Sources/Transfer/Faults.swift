import Files
import Paths

/// The calls that a test may make fail, or before which it may change the tree.
enum FaultPoint: Hashable, Sendable {
  case read, write, clone, link, symlink, rename, unlink, syncFile, syncDirectory, claim, readBack
  /// Behind a rename that exchanged two files.
  case exchanged
  case makeDirectory, removeDirectory
}

/// Asked before each such call with the path it is for; an answer takes the call's place as its errno.
typealias FaultHook = @Sendable (FaultPoint, RelativePath) -> Errno?

extension Optional where Wrapped == FaultHook {
  func check(_ point: FaultPoint, _ path: RelativePath) throws(SystemError) {
    guard let hook = self, let errno = hook(point, path) else { return }
    throw SystemError("\(point) (injected)", "\(path)", errno: errno)
  }
}
