import Files
import Glibc
import Paths

extension FileCopy {
  /// Reads, hashes and writes each chunk in one pass; holes stay holes.
  ///
  /// - Returns: the digest of the logical bytes.
  func copy(_ staged: Descriptor, from source: OpenSource, _ workspace: Workspace)
    throws(TransferError) -> Digest
  {
    let size = source.status.snapshot.size
    workspace.startHash()
    if source.status.allocatedBytes < size {
      try copySparse(staged, from: source, workspace)
    } else {
      if size > Workspace.chunk { try setAside(size, for: staged, source) }
      try copy(0..<size, staged, from: source, workspace)
    }
    return workspace.digest()
  }

  /// Space in one piece, and ENOSPC before the first byte.
  private func setAside(_ size: Int, for staged: Descriptor, _ source: OpenSource)
    throws(TransferError)
  {
    do throws(SystemError) {
      try staged.allocate(size)
    } catch  where error.errno == .unsupported || error.errno == .noSystemCall {
      // Only faster with it.
    } catch {
      throw .destination(error, source.index)
    }
  }

  private func copySparse(_ staged: Descriptor, from source: OpenSource, _ workspace: Workspace)
    throws(TransferError)
  {
    let size = source.status.snapshot.size
    var offset = 0
    while offset < size {
      let start = offset
      let data = try onSource(source.index) { () throws(SystemError) in
        try source.file.nextData(from: start, size: size)
      }
      let range = data ?? size..<size
      try skipHole(start..<range.lowerBound, workspace)
      try copy(range, staged, from: source, workspace)
      offset = range.upperBound
    }
    try onDestination(source.index) { () throws(SystemError) in try staged.truncate(to: size) }
  }

  private func skipHole(_ hole: Range<Int>, _ workspace: Workspace) throws(TransferError) {
    var left = hole.count
    while left > 0 {
      if stop.isRaised { throw .cancelled }
      let piece = min(left, Workspace.chunk)
      workspace.hashZeros(piece)
      progress(piece)
      left -= piece
    }
  }

  private func copy(
    _ range: Range<Int>, _ staged: Descriptor, from source: OpenSource, _ workspace: Workspace
  ) throws(TransferError) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      if stop.isRaised { throw .cancelled }
      let wanted = min(Workspace.chunk, range.upperBound - offset)
      let chunk = UnsafeMutableRawBufferPointer(rebasing: workspace.buffer[..<wanted])
      let at = offset
      let count = try readAgain(source.index, stop) { () throws(SystemError) in
        try faults.check(.read, source.path)
        return try source.file.read(into: chunk, at: at)
      }
      if count == 0 { throw .sourceChanged(source.index) }
      let bytes = UnsafeRawBufferPointer(rebasing: chunk[..<count])
      workspace.hash(bytes)
      try onDestination(source.index) { () throws(SystemError) in
        try faults.check(.write, source.path)
        try staged.write(bytes, at: at)
      }
      progress(count)
      offset += count
    }
  }
}
