import Glibc
import Paths

extension Descriptor {
  /// Makes a symlink at `path` that holds `target` as it is, whatever lies there or not.
  public func makeSymlink(_ path: RelativePath, to target: [UInt8]) throws(SystemError) {
    try inDirectory(of: path) { (directory, name) throws(SystemError) in
      guard withBytes(target, { symlinkat($0, directory, name) }) == 0 else {
        throw error("symlinkat", path)
      }
    }
  }

  /// What the symlink at `path` holds. EINVAL if it is none.
  public func symlinkTarget(_ path: RelativePath) throws(SystemError) -> [UInt8] {
    try inDirectory(of: path) { (directory, name) throws(SystemError) in
      // No longer target can be made: `symlink(2)` takes less than PATH_MAX.
      var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let count = target.withUnsafeMutableBytes {
        readlinkat(directory, name, $0.baseAddress!, $0.count)
      }
      guard count >= 0 else { throw error("readlinkat", path) }
      return Array(target[..<count])
    }
  }
}
