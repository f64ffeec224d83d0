import Files
import Paths
import Rules
import Sequences

/// Something that lies where a file would go.
struct Meeting {
  enum Kind {
    /// A file of the same size: only its bytes tell whether it is the same.
    case sameSize
    case otherSize
    /// Neither file nor nothing, or not to be looked at.
    case obstacle
    /// A frame of the same sequence that this one does not bring.
    case stranger
  }

  let path: RelativePath
  let kind: Kind
  /// What it is, as the end of a sentence.
  let what: String

  /// Whether it is something else without a look at its bytes.
  var isCertain: Bool { kind != .sameSize }
}

/// What lies where a sequence would go.
///
/// - Parameter source: the sizes of its files, in the order of the destination's.
func meetings(_ goal: Destination, _ sizes: [Int], at root: InputFolder) -> [Meeting] {
  var found: [Meeting] = []
  for (path, size) in zip(goal.files, sizes) {
    if let meeting = meeting(path, size, at: root) { found.append(meeting) }
  }
  return found
}

private func meeting(_ path: RelativePath, _ size: Int, at root: InputFolder) -> Meeting? {
  do throws(SystemError) {
    let status = try root.directory.status(path)
    guard status.kind == .file else {
      return Meeting(path: path, kind: .obstacle, what: "exists, and is a \(status.kind.rawValue)")
    }
    let there = status.snapshot.size
    if there != size {
      return Meeting(
        path: path, kind: .otherSize, what: "exists, with \(there) bytes and not \(size)")
    }
    return Meeting(
      path: path, kind: .sameSize,
      what: "exists, of the same size; it is compared when it is taken")
  } catch {
    switch error.errno {
    case .notFound: return nil
    case .notADirectory:
      return Meeting(
        path: path, kind: .obstacle, what: "lies below something that is no directory")
    case .symlink:
      return Meeting(
        path: path, kind: .obstacle, what: "lies behind a symlink, which is not followed")
    default:
      return Meeting(path: path, kind: .obstacle, what: "cannot be looked at: \(error)")
    }
  }
}

/// The first frame at the destination that is of the same sequence and that it does not bring: under `conflict: hold`,
/// frames that come after it was published do not slip in one by one.
func stranger(to goal: Destination, at root: InputFolder) -> Meeting? {
  guard let pattern = goal.pattern else { return nil }
  let entries: [(name: FileName, kind: FileKind)]
  do throws(SystemError) {
    let directory = goal.directory
    entries = try (directory.isRoot ? root.directory : root.directory.openDirectory(directory))
      .entries()
  } catch {
    // Not there yet; what is there and cannot be read is an obstacle to each file.
    return nil
  }
  let planned = Set(goal.files)
  let names = entries.map(\.name).filter {
    pattern.hasNumber(in: $0) && !planned.contains(goal.directory.appending($0))
  }
  return names.min().map {
    Meeting(
      path: goal.directory.appending($0), kind: .stranger,
      what: "is of the same sequence and already there")
  }
}

extension SequencePattern {
  /// Whether a name is one of this sequence, however wide its number.
  fileprivate func hasNumber(in name: FileName) -> Bool {
    let digits = name.bytes.count - head.count - tail.count
    guard digits > 0, name.bytes.starts(with: head),
      name.bytes.suffix(tail.count).elementsEqual(tail)
    else { return false }
    return name.bytes.dropFirst(head.count).prefix(digits).allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
    }
  }
}

/// The destinations planned so far, and whose they are.
struct Claims {
  private struct Name: Hashable {
    let root: String
    let path: RelativePath
  }

  private var owners: [Name: ExactSource] = [:]

  /// A source as a person would name it.
  typealias ExactSource = [UInt8]

  /// - Returns: who has it already; nil if it was free.
  mutating func take(_ path: RelativePath, below root: String, for source: ExactSource)
    -> ExactSource?
  {
    let name = Name(root: root, path: path)
    if let owner = owners[name] { return owner }
    owners[name] = source
    return nil
  }
}
