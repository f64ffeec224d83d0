import Files
import Glibc
import Paths

/// A plan's source, opened beneath the hot folder and found in the state of its snapshot.
struct OpenSource {
  let index: Int
  let path: RelativePath
  let file: Descriptor
  /// As it was when opened.
  let status: Status

  /// - Throws: `.sourceMissing`, `.unsafeSource` for a symlink on the way, `.sourceNotAFile`, `.sourceChanged`.
  init(_ plan: TransferPlan, _ index: Int, in root: Descriptor) throws(TransferError) {
    let planned = plan.files[index]
    self.index = index
    path = planned.source
    do {
      // Without O_NONBLOCK, opening a FIFO would wait for its writer for ever.
      file = try root.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
      status = try file.status()
    } catch  where error.errno.rawValue == ENXIO {
      throw .sourceNotAFile(index, .socket)
    } catch {
      throw .source(error, index)
    }
    guard status.kind == .file else { throw .sourceNotAFile(index, status.kind) }
    // Linking and taking links back changes the source's ctime.
    let same =
      plan.mayLink
      ? status.snapshot.isSameContent(as: planned.snapshot) : status.snapshot == planned.snapshot
    guard same else { throw .sourceChanged(index) }
  }

  /// Looks at the name again: the same file, untouched since it was opened.
  func checkUnchanged(in root: Descriptor) throws(TransferError) {
    let now = try onSource(index) { () throws(SystemError) in try root.status(path) }
    guard now.snapshot == status.snapshot else { throw .sourceChanged(index) }
  }

  /// The digest of all bytes; `progress` is told the length of each chunk.
  func digest(_ stop: StopFlag, _ workspace: Workspace, _ progress: (Int) -> Void)
    throws(TransferError) -> Digest
  {
    let digest = try digestOf(
      file, status.snapshot.size, stop, workspace, progress, failing: { .reading($0, index) })
    guard let digest else { throw .sourceChanged(index) }
    return digest
  }
}

/// The digest of the first `size` bytes of an open file; nil if it ends before.
///
/// - Throws: `.cancelled`, and what `failing` makes of a read's error.
func digestOf(
  _ file: Descriptor, _ size: Int, _ stop: StopFlag, _ workspace: Workspace,
  _ progress: (Int) -> Void = { _ in }, failing: (SystemError) -> TransferError
) throws(TransferError) -> Digest? {
  workspace.startHash()
  var offset = 0
  while offset < size {
    if stop.isRaised { throw .cancelled }
    let wanted = min(Workspace.chunk, size - offset)
    let piece = UnsafeMutableRawBufferPointer(rebasing: workspace.buffer[..<wanted])
    let count: Int
    let at = offset
    do throws(SystemError) {
      count = try readAgain(stop) { () throws(SystemError) in try file.read(into: piece, at: at) }
    } catch { throw failing(error) }
    if count == 0 { return nil }
    workspace.hash(UnsafeRawBufferPointer(rebasing: workspace.buffer[..<count]))
    progress(count)
    offset += count
  }
  return workspace.digest()
}

/// How often what the storage does not give is asked for.
private let readings = 3

/// Reads once more where the storage failed; a bounded number of times, for a bad sector takes seconds each time.
private func readAgain(_ stop: StopFlag, _ read: () throws(SystemError) -> Int) throws(SystemError)
  -> Int
{
  for _ in 1..<readings {
    do throws(SystemError) { return try read() } catch {
      guard error.errno == .inputOutput, !stop.isRaised else { throw error }
    }
  }
  return try read()
}

/// Reads a piece of a source, once more where the storage failed.
func readAgain(_ index: Int, _ stop: StopFlag, _ read: () throws(SystemError) -> Int)
  throws(TransferError) -> Int
{
  do throws(SystemError) { return try readAgain(stop, read) } catch {
    throw .reading(error, index)
  }
}

extension TransferError {
  /// The error of reading a source's bytes.
  fileprivate static func reading(_ error: SystemError, _ index: Int) -> TransferError {
    error.errno == .inputOutput
      ? .unreadable([Unreadable(index: index, error: error)]) : .source(error, index)
  }
}
