import Files
import FoundationEssentials
import Glibc
import Paths

/// `.hotplate-JOBID/` with its `receipt`, its `tree/` and, while files are replaced, `old/`, in the deepest directory of the destination that existed
/// when staging began.
struct StagingArea: Sendable {
  static let receiptName = RelativePath("receipt")!
  static let treeName = RelativePath("tree")!
  static let oldName = RelativePath("old")!

  /// The directory that holds the staging directory, beneath the destination root; `tree/` mirrors it.
  let base: RelativePath
  let baseDirectory: Descriptor
  let directory: Descriptor
  /// Nil only for what a crash left of a staging directory that was being made or removed.
  let tree: Descriptor?
  let name: FileName

  /// The staged path, beneath `tree/`, of something beneath the destination root.
  func staged(_ path: RelativePath) -> RelativePath {
    guard let staged = path.relative(to: base) else { preconditionFailure("outside its staging") }
    return staged
  }

  /// `old/`, which stands from the first moment at which something may have been taken from a final name. Where names
  /// can be exchanged it stays empty, and what was taken lies in `tree/` under the staged name.
  func old() throws(SystemError) -> Descriptor? {
    guard try statusIfAny(directory, Self.oldName) != nil else { return nil }
    return try directory.openDirectory(Self.oldName)
  }

  func makeOld() throws(SystemError) -> Descriptor {
    if let old = try old() { return old }
    try directory.makeDirectory(Self.oldName, mode: 0o700)
    try directory.sync()
    return try directory.openDirectory(Self.oldName)
  }

  /// Of what is taken for a file of the plan, beneath `old/`.
  static func oldName(_ index: Int) -> RelativePath {
    RelativePath.root.appending(FileName("\(index)"))
  }

  /// The plan's staging directory; nil if there is none.
  ///
  /// - Throws: `.foreignStaging` if one bears the name and another owner's receipt.
  static func find(_ plan: TransferPlan, in root: Descriptor) throws(TransferError) -> StagingArea?
  {
    // Directories come to be and staging goes down with them: the deepest is the last that was made.
    try findAll(plan, in: root).last
  }

  /// Looks for the plan's staging directory in each existing ancestor of its destinations. There are two where a power cut
  /// brought one back that had been removed, and another was made since.
  ///
  /// - Returns: the deepest last.
  static func findAll(_ plan: TransferPlan, in root: Descriptor) throws(TransferError)
    -> [StagingArea]
  {
    var areas: [StagingArea] = []
    do throws(TransferError) {
      try walk(plan.directory, from: root) { (base, baseDirectory) throws(TransferError) in
        if let area = try open(plan, base, baseDirectory) { areas.append(area) }
      }
    } catch .unsafeDestination {
      // Put there since: staging lies above it, and must be found to be removed.
    }
    return areas
  }

  /// Finds it or makes it, in the deepest existing ancestor.
  static func findOrCreate(_ plan: TransferPlan, in root: Descriptor) throws(TransferError)
    -> StagingArea
  {
    let found = try find(plan, in: root)
    if let found, found.tree != nil { return found }
    let (base, baseDirectory) =
      if let found { (found.base, found.baseDirectory) } else {
        try walk(plan.directory, from: root)
      }
    let name = RelativePath.root.appending(plan.stagingName)
    return try onDestination(nil) { () throws(SystemError) in
      // What a crash left before the tree was made holds nothing of value, and is completed.
      if found == nil { try baseDirectory.makeDirectory(name, mode: 0o700) }
      let directory = try baseDirectory.openDirectory(name)
      try StagingReceipt(plan, directory).write(to: directory, durably: plan.isDurable)
      try directory.makeDirectory(treeName)
      return StagingArea(
        base: base, baseDirectory: baseDirectory, directory: directory,
        tree: try directory.openDirectory(treeName), name: plan.stagingName)
    }
  }

  private static func open(
    _ plan: TransferPlan, _ base: RelativePath, _ baseDirectory: Descriptor
  ) throws(TransferError) -> StagingArea? {
    let name = RelativePath.root.appending(plan.stagingName)
    let foreign = TransferError.foreignStaging(base.appending(name))
    return try ours(plan, name, foreign, baseDirectory).map { (directory, tree) in
      StagingArea(
        base: base, baseDirectory: baseDirectory, directory: directory, tree: tree,
        name: plan.stagingName)
    }
  }

  private static func ours(
    _ plan: TransferPlan, _ name: RelativePath, _ foreign: TransferError, _ base: Descriptor
  ) throws(TransferError) -> (Descriptor, tree: Descriptor?)? {
    let status = try onDestination(nil) { () throws(SystemError) in try statusIfAny(base, name) }
    guard let status else { return nil }
    guard status.kind == .directory else { throw foreign }
    let (directory, receipt, tree) = try onDestination(nil) { () throws(SystemError) in
      let directory = try base.openDirectory(name)
      let tree: Descriptor? =
        try statusIfAny(directory, treeName) != nil ? try directory.openDirectory(treeName) : nil
      return (directory, try StagingReceipt.read(from: directory), tree)
    }
    // The id is unique, so what bears it without a whole receipt is ours: cut off early or late, or by a power cut that
    // took the receipt's bytes. A copy of it has a whole one, which names another directory.
    if let receipt, !receipt.isOurs(plan, status.snapshot) { throw foreign }
    return (directory, tree)
  }
}

/// Goes down from `root` as far as `path` exists.
///
/// - Returns: the deepest existing directory.
/// - Throws: `.unsafeDestination` at the first component that is a symlink or no directory.
@discardableResult
func walk(
  _ path: RelativePath, from root: Descriptor,
  _ visit: (RelativePath, Descriptor) throws(TransferError) -> Void = { _, _ in }
) throws(TransferError) -> (RelativePath, Descriptor) {
  var (reached, directory) = (RelativePath.root, root)
  try visit(reached, directory)
  for name in path.components {
    let step = RelativePath.root.appending(name)
    do {
      directory = try directory.openPlace(step)
    } catch  where error.errno == .notFound {
      return (reached, directory)
    } catch  where error.errno == .symlink || error.errno == .notADirectory {
      let kind = (try? directory.status(step).kind) ?? .unknown
      throw .unsafeDestination(reached.appending(name), kind)
    } catch {
      throw .destination(error, nil)
    }
    reached = reached.appending(name)
    try visit(reached, directory)
  }
  return (reached, directory)
}

/// The file `receipt` of a staging directory: whose it is.
struct StagingReceipt: Codable {
  let owner: String
  let job: String
  let pid: Int32
  /// Seconds since 1970.
  let created: Int
  /// Of the staging directory: a copy of it is not it.
  let inode: UInt64
  let birth: Int64

  init(_ plan: TransferPlan, _ directory: Descriptor) throws(SystemError) {
    let status = try directory.status()
    owner = plan.owner
    job = plan.id
    pid = getpid()
    created = time(nil)
    inode = status.snapshot.inode
    birth = status.snapshot.birth
  }

  func isOurs(_ plan: TransferPlan, _ directory: Snapshot) -> Bool {
    owner == plan.owner && job == plan.id && inode == directory.inode && birth == directory.birth
  }

  func write(to directory: Descriptor, durably: Bool) throws(SystemError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    guard let json = try? encoder.encode(self) else { preconditionFailure("plain values encode") }
    let file = try directory.open(
      StagingArea.receiptName, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
    let failure: SystemError? = json.withUnsafeBytes { bytes in
      do throws(SystemError) {
        try file.write(bytes, at: 0)
        return nil
      } catch { return error }
    }
    if let failure { throw failure }
    if durably { try file.sync() }
  }

  /// - Returns: nil if there is none, or not a whole one.
  static func read(from directory: Descriptor) throws(SystemError) -> StagingReceipt? {
    let file: Descriptor
    do {
      file = try directory.open(StagingArea.receiptName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch  where error.errno == .notFound {
      return nil
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8192, alignment: 1)
    defer { buffer.deallocate() }
    var count = 0
    while count < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
      let more = try file.read(into: rest, at: count)
      if more == 0 { break }
      count += more
    }
    return try? JSONDecoder().decode(StagingReceipt.self, from: Data(buffer[..<count]))
  }
}
