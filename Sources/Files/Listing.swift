import Paths

extension Descriptor {
  /// Calls `body` with each entry of this directory but `.` and `..`, in the file system's order.
  ///
  /// The kind comes from the directory itself where the file system keeps it there, which saves a look at each file;
  /// else it is `.unknown`. Entries that come or go meanwhile may or may not be seen.
  public func forEachEntry(_ body: (FileName, FileKind) throws(SystemError) -> Void)
    throws(SystemError)
  {
    var failure: SystemError?
    try placed("readdir", shownPath) { () throws(Errno) in
      try kernel.entries(raw) { (name, kind) in
        do throws(SystemError) {
          try body(name, kind)
          return true
        } catch {
          failure = error
          return false
        }
      }
    }
    if let failure { throw failure }
  }

  /// All entries at once, for directories known to be small.
  public func entries() throws(SystemError) -> [(name: FileName, kind: FileKind)] {
    var result: [(name: FileName, kind: FileKind)] = []
    try forEachEntry { (name, kind) in result.append((name, kind)) }
    return result
  }
}
