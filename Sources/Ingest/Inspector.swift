import CLinux
import Completeness
import Files
import Foundation
import Glibc
import Journal
import Paths
import Transfer
import Watching

/// The directory, or why it is not there.
private func opened(_ place: Presence.Place, _ presence: Presence) -> Result<
  Descriptor, SystemError
> {
  do throws(SystemError) { return .success(try presence.open(place)) } catch {
    return .failure(error)
  }
}

/// Looks at the files of arrivals, and at the sentinels and sources of jobs about to be committed.
package struct Inspector: Sendable {
  let hotFolders: [HotFolder]
  let ledger: any Ledger
  let threads: FileThreads
  let presence: Presence

  /// What lies at these names of one directory now, and what the journal knows of it.
  func look(at wanted: [FileName: WantedLook], in directory: Place)
    async throws(JournalError) -> DirectoryLook
  {
    let hotFolder = hotFolders[directory.root]
    let known = try await ledger.ingested(hotFolder: hotFolder.name, directory: directory.path)
    let stones = try await ledger.tombstones().filter {
      $0.hotFolder == hotFolder.name && $0.directory == directory.path
    }
    return await threads.run { [presence] in
      // Not there: its files stay what they are until it is back.
      guard case .success(let root) = opened(.hotFolder(directory.root), presence) else {
        return DirectoryLook()
      }
      var look = Self.look(at: wanted, in: directory.path, root: root, known: known)
      for stone in stones { Fingerprint(stone.fingerprint).mark(&look.looks, as: stone.job) }
      return look
    }
  }

  /// What one look at names of one directory found.
  struct DirectoryLook: Sendable {
    var looks: [FileName: Inspection.Look] = [:]
    var gone: Set<FileName> = []
    var failures: [FileName: String] = [:]
  }

  private static func look(
    at wanted: [FileName: WantedLook], in path: RelativePath, root: Descriptor,
    known: [FileName: [IngestedRecord]]
  ) -> DirectoryLook {
    var look = DirectoryLook()
    let directory: Descriptor
    do throws(SystemError) {
      directory = try root.openDirectory(path)
    } catch {
      // Gone, or for the moment out of reach: its files stay what they are until an event or a rescan tells more.
      if error.errno == .notFound || error.errno == .notADirectory {
        look.gone = Set(wanted.keys)
      } else if error.errno == .noPermission || error.errno == .notPermitted {
        for name in wanted.keys { look.failures[name] = error.errno.message }
      }
      return look
    }
    for (name, wanted) in wanted {
      do throws(SystemError) {
        look.looks[name] = try twice { () throws(SystemError) in
          try Self.look(at: name, in: directory, wanted, known[name] ?? [])
        }
      } catch {
        switch error.errno {
        case .notFound, .notADirectory: look.gone.insert(name)
        case .noPermission, .notPermitted: look.failures[name] = error.errno.message
        case .inputOutput: look.failures[name] = "\(error)"
        // It may pass: looked at again after another quiet time.
        default: break
        }
      }
    }
    return look
  }

  /// Again, once, where the storage failed: what does not pass is a person's.
  private static func twice<Value>(_ look: () throws(SystemError) -> Value) throws(SystemError)
    -> Value
  {
    do throws(SystemError) { return try look() } catch  where error.errno == .inputOutput {
      return try look()
    } catch { throw error }
  }

  private static func look(
    at name: FileName, in directory: Descriptor, _ wanted: WantedLook, _ known: [IngestedRecord]
  ) throws(SystemError) -> Inspection.Look {
    let path = RelativePath.root.appending(name)
    let status = try directory.status(path)
    guard status.kind == .file else {
      return Inspection.Look(
        kind: status.kind, snapshot: status.snapshot, writer: .unknown, known: .new)
    }
    let file = try directory.open(path, O_RDONLY | O_NONBLOCK)
    let knowledge = Self.known(status.snapshot, file, known)
    var lack: String?
    // What was published before was whole then.
    if wanted.checksWhole, wanted.knownWhole != status.snapshot, knowledge == .new,
      case .incomplete(let what) = try completeness(
        of: file, named: name, size: status.snapshot.size)
    {
      lack = what
    }
    return Inspection.Look(
      kind: .file, snapshot: status.snapshot, writer: Self.writer(of: file), known: knowledge,
      lack: lack, isChecked: wanted.checksWhole)
  }

  private static func writer(of file: Descriptor) -> Inspection.Look.Writer {
    switch file.hasWriter() {
    case false: .none
    case true: .present
    default: .unknown
    }
  }

  /// A state of a file is all of this together: only if all is the same was it published before. A link, made by us or by
  /// others, changes its ctime and nothing else; then its bytes decide.
  private static func known(
    _ snapshot: Snapshot, _ file: Descriptor, _ records: [IngestedRecord]
  ) -> Inspection.Look.Known {
    let same = records.filter {
      $0.inode == snapshot.inode && $0.birth == snapshot.birth && $0.size == snapshot.size
        && $0.modified == snapshot.modified
    }
    if let record = same.first(where: { $0.changed == snapshot.changed }) {
      return .published(record.job)
    }
    guard same.contains(where: { $0.digest != nil }),
      // What cannot be read is no better known than a new file; staging says what is wrong with it.
      let digest = try? contentDigest(of: file, size: snapshot.size)
    else { return .new }
    return same.first { $0.digest == digest.bytes }.map { .published($0.job) } ?? .new
  }

  /// The first sentinel that stands over the job, from its sources' directories up to the root.
  ///
  /// - Throws: where a directory cannot be looked into; then nobody may say that none stands there.
  func sentinel(over job: Job) async throws -> Place? {
    let result: Result<Place?, SystemError> = await threads.run { [presence] in
      do throws(SystemError) {
        return .success(try Self.sentinel(over: job, presence.open(.hotFolder(job.hotFolder))))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private static func sentinel(over job: Job, _ root: Descriptor) throws(SystemError) -> Place? {
    var scopes: Set<RelativePath> = []
    for var directory in job.sourceDirectories {
      while scopes.insert(directory).inserted, !directory.isRoot { directory = directory.parent }
    }
    for scope in scopes {
      for name in Sentinel.treeNames where try root.holds(scope.appending(name)) {
        return Place(root: job.hotFolder, path: scope.appending(name))
      }
    }
    for member in job.members {
      let directory = job.plan.files[member.files.lowerBound].source.parent
      for stem in Sentinel.stems(head: member.head, isSingleFile: member.isSingleFile) {
        for suffix in Sentinel.suffixes {
          let name = FileName(stem + suffix)
          if name.bytes.count <= 255, try root.holds(directory.appending(name)) {
            return Place(root: job.hotFolder, path: directory.appending(name))
          }
        }
      }
    }
    return nil
  }

  /// A frame that already stands where this job's sequences go and is not of its plan, as a sentence.
  ///
  /// `conflict: hold` speaks of the sequence: frames that come after it was published do not slip in one by one.
  ///
  /// - Throws: `.io` where the destination cannot be looked into: then nobody may say that it is free.
  func occupant(of job: Job) async throws(TransferError) -> String? {
    let result: Result<String?, TransferError> = await threads.run {
      do throws(SystemError) {
        return .success(try Self.occupant(of: job))
      } catch {
        return .failure(.io(error, nil))
      }
    }
    return try result.get()
  }

  private static func occupant(of job: Job) throws(SystemError) -> String? {
    let planned = Set(job.plan.files.map(\.destination))
    for member in job.members {
      guard let target = member.target else { continue }
      for directory in Set(job.plan.files[member.files].map(\.destination.parent)) {
        let entries: [(name: FileName, kind: FileKind)]
        do throws(SystemError) {
          entries = try Descriptor.directory(at: job.plan.destinationRoot)
            .openDirectory(directory).entries()
        } catch  where error.errno == .notFound || error.errno == .notADirectory {
          // Not there yet, or something else has its name: staging says which.
          continue
        } catch {
          throw error
        }
        let foreign = entries.first {
          target.holds($0.name) && !planned.contains(directory.appending($0.name))
        }
        if let foreign {
          return
            "\(directory.appending(foreign.name)) is of the same sequence and already there; frames that come after it are held (`conflict: skip` lets them in)"
        }
      }
    }
    return nil
  }

  /// The first of these sources that is not as the plan knows it.
  ///
  /// - Throws: where they cannot be looked at: then nobody may say that they changed.
  func changedSource(_ paths: Set<RelativePath>, of job: Job) async throws(SystemError)
    -> RelativePath?
  {
    if paths.isEmpty { return nil }
    let planned = job.plan.files.filter { paths.contains($0.source) }
    let result: Result<RelativePath?, SystemError> = await threads.run { [presence] in
      do throws(SystemError) {
        return .success(try Self.changed(planned, presence.open(.hotFolder(job.hotFolder))))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private static func changed(_ planned: [PlannedFile], _ root: Descriptor) throws(SystemError)
    -> RelativePath?
  {
    for file in planned {
      do throws(SystemError) {
        let now = try root.status(file.source).snapshot
        guard now.inode == file.snapshot.inode, now.size == file.snapshot.size,
          now.modified == file.snapshot.modified
        else { return file.source }
      } catch  where error.errno == .notFound || error.errno == .notADirectory {
        return file.source
      } catch {
        throw error
      }
    }
    return nil
  }

  /// Holds on to the source directories of a job, without access to what they hold, so that each can be asked where it
  /// went. Bounded: a job of many directories is told by the first ones.
  func places(of job: Job) async -> [Descriptor] {
    let root = hotFolders[job.hotFolder].path
    return await threads.run {
      // One that cannot be opened is no loss here; staging meets it itself.
      guard let root = try? Descriptor.directory(at: root) else { return [] }
      return job.sourceDirectories.sorted().prefix(affordableDescriptors(most: 16)).compactMap {
        try? root.open($0, hp_o_path | O_DIRECTORY)
      }
    }
  }

  /// Where the first of a job's directories lies now, if that is not where it lay; nil also if it is gone.
  func newPath(of places: [Descriptor], of job: Job) async -> [UInt8]? {
    let root = hotFolders[job.hotFolder].path
    let old = Set(job.sourceDirectories.map { below(root, $0) })
    return await threads.run {
      for place in places {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes {
          readlink(
            "/proc/self/fd/\(place.raw)", $0.baseAddress!.assumingMemoryBound(to: CChar.self),
            $0.count)
        }
        guard count > 0, count < buffer.count else { continue }
        let path = Array(buffer.prefix(count))
        if !old.contains(path), !path.ends(with: Array(" (deleted)".utf8)) { return path }
      }
      return nil
    }
  }

  /// Who owns a sentinel; nil if it is gone or nobody knows the number.
  func owner(of place: Place) async -> String? {
    let root = hotFolders[place.root].path
    return await threads.run {
      guard let owner = try? Descriptor.directory(at: root).status(place.path).owner else {
        return nil
      }
      guard let entry = getpwuid(owner) else { return "uid \(owner)" }
      return String(cString: entry.pointee.pw_name)
    }
  }
}
