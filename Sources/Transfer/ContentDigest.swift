import Files

/// The digest of all bytes of an open file, as receipts hold it.
///
/// It blocks while the file is read, on the caller's thread.
///
/// - Returns: nil if the file ends before `size`.
public func contentDigest(of file: Descriptor, size: Int, stop: StopFlag = StopFlag())
  throws(TransferError) -> Digest?
{
  try digestOf(file, size, stop, Workspace(), failing: { .io($0, nil) })
}
