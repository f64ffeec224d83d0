import Files
import Glibc
import Paths

extension FileCopy {
  /// A second name for the source itself: nothing is copied, nothing at risk.
  ///
  /// Where leases do not tell of writers (another owner's file without CAP_LEASE, some network file systems), it is
  /// linked as if there were none.
  ///
  /// - Parameter besides: if given, how many names the source may have.
  func link(_ passage: Passage, besides names: UInt32?) throws(TransferError) -> Attempt {
    let source = passage.source
    if let names, source.status.links != names {
      return .refused(SystemError("linkat", "\(source.path)", errno: .tooManyLinks))
    }
    if source.file.hasWriter() == true {
      return .refused(SystemError("fcntl F_SETLEASE", "\(source.path)", errno: .textFileBusy))
    }
    do throws(SystemError) {
      try faults.check(.link, source.path)
      try roots.source.link(source.path, to: passage.directory, passage.name)
    } catch {
      switch error.errno {
      case .crossDevice, .notPermitted, .noPermission, .unsupported, .noSystemCall, .tooManyLinks:
        return .refused(error)
      case .notFound: throw .source(error, source.index)
      default: throw failed(error, source.index)
      }
    }
    do throws(TransferError) {
      return .staged(try linkedReceipt(passage, names: names.map { $0 + 1 }))
    } catch {
      try? passage.directory.unlink(passage.name)
      throw error
    }
  }

  private func linkedReceipt(_ passage: Passage, names: UInt32?) throws(TransferError) -> Receipt {
    let (source, index) = (passage.source, passage.source.index)
    let staged = try onDestination(index) { () throws(SystemError) in
      try passage.directory.status(passage.name)
    }
    // The name was linked, not the descriptor: another file may have come under it.
    guard staged.kind == .file, staged.snapshot.isSameContent(as: source.status.snapshot) else {
      throw .sourceChanged(index)
    }
    let digest =
      plan.readsEveryByte ? try source.digest(stop, passage.workspace, progress) : nil
    if digest == nil { progress(source.status.snapshot.size) }
    try onDestination(index) { () throws(SystemError) in
      try faults.check(.syncFile, source.path)
      if plan.isDurable { try source.file.syncData() }
    }
    let now = try onSource(index) { () throws(SystemError) in try roots.source.status(source.path) }
    guard now.snapshot == staged.snapshot, names == nil || now.links == names,
      source.file.hasWriter() != true
    else {
      throw .sourceChanged(index)
    }
    return receipt(source, staged.snapshot, now.snapshot, digest, .link)
  }

  /// A symlink that holds the source's absolute path. Its receipt names the symlink's own inode.
  func symlink(_ passage: Passage) throws(TransferError) -> Attempt {
    let (source, index) = (passage.source, passage.source.index)
    do throws(SystemError) {
      try faults.check(.symlink, source.path)
      try passage.directory.makeSymlink(passage.name, to: plan.symlinkTarget(index))
    } catch {
      switch error.errno {
      case .notPermitted, .unsupported, .noSystemCall, .nameTooLong: return .refused(error)
      default: throw failed(error, index)
      }
    }
    do throws(TransferError) {
      let staged = try onDestination(index) { () throws(SystemError) in
        try passage.directory.status(passage.name)
      }
      try source.checkUnchanged(in: roots.source)
      progress(source.status.snapshot.size)
      return .staged(receipt(source, staged.snapshot, source.status.snapshot, nil, .symlink))
    } catch {
      try? passage.directory.unlink(passage.name)
      throw error
    }
  }
}

extension TransferPlan {
  /// What a symlink to a source holds.
  func symlinkTarget(_ index: Int) -> [UInt8] {
    let root = Array(sourceRoot.utf8)
    let slash = root.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]
    return root + slash + files[index].source.bytes
  }
}
