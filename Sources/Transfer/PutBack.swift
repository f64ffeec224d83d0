import Files
import Paths

/// A source that a crash left in a `.hotplate-*` claim, and where it is now.
public struct PutBack: Hashable, Sendable {
  /// Beneath the hot folder.
  public let source: RelativePath
  /// Nil if it has its name again; else where it still lies, because a newer file has its name or nobody can tell
  /// whether it is whole.
  public let aside: RelativePath?

  /// The id of the delivery that had claimed it; nil if it has its name again.
  public var delivery: String? {
    guard let claim = aside?.parent.name else { return nil }
    let name = String(decoding: claim.bytes.dropFirst(stagingPrefix.utf8.count), as: UTF8.self)
    for suffix in undoSuffixes where name.hasSuffix(suffix) {
      return String(name.dropLast(suffix.count))
    }
    return name
  }
}

extension Transfer {
  /// Gives every source that a crash left claimed its name back; for start-up, before anything else looks there.
  ///
  /// Staging directories, which hold directories, are left alone. Of undos that are over, second names of files are
  /// removed, which went along with a directory that somebody moved.
  ///
  /// - Parameter undoing: ids of deliveries whose undo is not over: it goes on by itself, and knows which of its files
  ///   are whole.
  /// - Returns: what was found. Unreadable directories are passed over: nothing is removed there either.
  public func putBack(
    _ sourceRoot: String, undoing: Set<String> = []
  ) async throws(TransferError) -> [PutBack] {
    try await filing.perform { _ throws(TransferError) in
      let root: Descriptor
      do throws(SystemError) { root = try Descriptor.directory(at: sourceRoot) } catch {
        throw TransferError.sourceRoot(error)
      }
      var results: [PutBack] = []
      var pending = [RelativePath.root]
      while let directory = pending.popLast() {
        guard let opened = try? directory.isRoot ? root : root.openDirectory(directory) else {
          continue
        }
        var claims: [RelativePath] = []
        // An unreadable directory is told of by the watch on it, in words.
        try? opened.forEachEntry { (name, kind) throws(SystemError) in
          let path = directory.appending(name)
          let known = kind == .unknown ? try root.status(path).kind : kind
          guard known == .directory else { return }
          if isOfUndo(name) {
            if !undoing.contains(where: { isOfUndo(name, of: $0) }) { claims.append(path) }
          } else if name.bytes.starts(with: stagingPrefix.utf8) {
            claims.append(path)
          } else {
            pending.append(path)
          }
        }
        for claim in claims {
          do throws(SystemError) {
            results += try putBack(claim, in: root)
          } catch {
            throw .io(error, nil)
          }
        }
      }
      return results
    }
  }

  private func putBack(_ claim: RelativePath, in root: Descriptor) throws(SystemError) -> [PutBack]
  {
    let entries = try root.openDirectory(claim).entries()
    if entries.contains(where: { $0.kind == .directory }) { return [] }
    var results: [PutBack] = []
    let holdsSecondNames = isOfUndo(claim.name!) && !isOfUndoClaim(claim.name!)
    for entry in entries {
      let source = claim.parent.appending(entry.name)
      let claimed = claim.appending(entry.name)
      if holdsSecondNames {
        if try root.status(claimed).links > 1 {
          try root.unlink(claimed)
        } else {
          // Half a copy, maybe.
          results.append(PutBack(source: source, aside: claimed))
        }
        continue
      }
      do throws(SystemError) {
        try root.giveBack(claimed, to: source)
        results.append(PutBack(source: source, aside: nil))
      } catch  where error.errno == .exists {
        // Two names of one file are what a power cut leaves of a link and an unlink.
        let (there, here) = (try root.status(source), try root.status(claimed))
        if there.device == here.device, there.snapshot.inode == here.snapshot.inode {
          try root.unlink(claimed)
          results.append(PutBack(source: source, aside: nil))
          continue
        }
        results.append(PutBack(source: source, aside: claimed))
      }
    }
    if results.allSatisfy({ $0.aside == nil }) { try root.removeDirectory(claim) }
    return results
  }
}
