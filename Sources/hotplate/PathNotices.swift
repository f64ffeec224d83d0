import Completeness
import Files
import Glibc
import Ingest
import Paths
import Rules
import Sequences

/// Why a path is not taken, or not yet, whatever the rules say to its name.
///
/// - Parameters:
///   - pattern: of its sequence; nil for a single file.
///   - folder: the hot folder to look into; with nil only the name speaks.
func notices(
  on path: RelativePath, of pattern: SequencePattern?, in folder: InputFolder?, by rules: RuleSet
) -> [String] {
  var notices: [String] = []
  if let name = path.name {
    if Sentinel(name) != nil {
      notices.append("a sentinel: it cancels what it stands over, and is never taken itself")
    } else if isInFlight(name) {
      notices.append(
        "its name says that it is hidden or still being written: it counts when it is renamed")
    }
  }
  if rules.isCompanion(path) { notices.append("rules wait for it, as a marker or manifest") }
  guard let folder else { return notices }
  if let sentinel = sentinel(over: path, pattern, in: folder.directory) {
    notices.append("\(sentinel) stands: what it means is not taken until it is removed")
  }
  do throws(SystemError) {
    if let lack = try lack(of: path, in: folder.directory) { notices.append(lack) }
  } catch {
    // It need not exist; what cannot be read is worth knowing.
    if error.errno != .notFound, error.errno != .notADirectory { notices.append("\(error)") }
  }
  return notices
}

private func sentinel(
  over path: RelativePath, _ pattern: SequencePattern?, in root: Descriptor
) -> RelativePath? {
  let head = pattern?.head ?? path.name?.bytes ?? []
  let beside = (try? root.openDirectory(path.parent).entries()) ?? []
  for (name, _) in beside {
    guard let sentinel = Sentinel(name), sentinel != .tree else { continue }
    if sentinel.covers(head: head, isSingleFile: pattern == nil) {
      return path.parent.appending(name)
    }
  }
  var directory = path
  while !directory.isRoot {
    directory = directory.parent
    for name in Sentinel.treeNames {
      let place = directory.appending(name)
      // A directory that is not there holds none.
      if (try? root.holds(place)) == true { return place }
    }
  }
  return nil
}

private func lack(of path: RelativePath, in root: Descriptor) throws(SystemError) -> String? {
  let status = try root.status(path)
  guard status.kind == .file else { return "a \(status.kind.rawValue) is never taken" }
  let file = try root.open(path, O_RDONLY | O_NONBLOCK)
  guard
    case .incomplete(let what) = try completeness(
      of: file, named: path.name!, size: status.snapshot.size)
  else { return nil }
  return "it is not whole: \(what)"
}
