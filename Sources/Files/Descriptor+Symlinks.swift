import Paths

extension Descriptor {
  /// Makes a symlink at `path` that holds `target` as it is, whatever lies there or not.
  public func makeSymlink(_ path: RelativePath, to target: [UInt8]) throws(SystemError) {
    try inDirectory(of: path, "symlinkat") { (directory, name) throws(Errno) in
      try kernel.makeSymlink(directory, name, to: target)
    }
  }

  /// What the symlink at `path` holds. EINVAL if it is none.
  public func symlinkTarget(_ path: RelativePath) throws(SystemError) -> [UInt8] {
    try inDirectory(of: path, "readlinkat") { (directory, name) throws(Errno) in
      try kernel.symlinkTarget(directory, name)
    }
  }
}
