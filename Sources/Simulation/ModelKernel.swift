import Files
import Glibc
import Paths

/// The calls of the model, by the names that they have on Linux.
enum CallName: String {
  case open, openat2, create, close, statx, getdents, mkdirat, unlinkat, rmdir, renameat2, linkat,
    symlinkat
  case readlinkat, pread, pwrite, ficlone, fallocate, ftruncate, lseek, utimensat, fsync, fadvise,
    fcntl, fstatvfs

  /// Whether it changes names or bytes.
  var changes: Bool {
    switch self {
    case .mkdirat, .unlinkat, .rmdir, .renameat2, .linkat, .symlinkat, .pwrite, .fallocate,
      .ftruncate, .create,
      .ficlone:
      true
    default: false
    }
  }
}

/// A kernel that keeps its file systems in memory, can be stopped between any two calls, and makes calls fail.
///
/// Before each call it asks ``before``, where others may act, the process may be killed, or an error may take the call's place.
// Sendable: one simulation runs in one task from its beginning to its end, and nobody else knows its kernel.
final class ModelKernel: Kernel, @unchecked Sendable {
  struct Opened {
    let volume: Volume
    let node: Node
    let mount: UInt64
  }

  struct Mount {
    let path: String
    let volume: Volume
    let number: UInt64
  }

  let base: Volume
  private(set) var mounts: [Mount] = []
  private var opened: [Int32: Opened] = [:]
  private var lastDescriptor: Int32 = 2
  private var lastMount: UInt64 = 1
  /// Nanoseconds, never backwards; each call takes some time.
  var now: Int64 = 1_000_000_000_000
  /// By how much the wall clock was set beside it, nanoseconds.
  var skew: Int64 = 0
  /// Nanoseconds since 1970: what files are stamped with.
  var clock: Int64 { now + skew }
  var boot = 1
  /// The most that one read or write of a frame moves, in bytes.
  var chunk = 8
  /// Frames are smaller than this; what is larger comes in one piece, to save calls.
  static let frame = 100
  var before: (Call) throws(Errno) -> Void = { (_) throws(Errno) in }
  /// After each call that changed something.
  var after: (Call) -> Void = { _ in }

  init(base: Volume) { self.base = base }

  /// What is about to be called, on which file.
  struct Call {
    let name: CallName
    let volume: Volume?
    let node: Node?
    let text: () -> String
  }

  // MARK: Mounts

  func mount(_ volume: Volume, at path: String) {
    lastMount += 1
    mounts.append(Mount(path: path, volume: volume, number: lastMount))
  }

  /// As `umount -l`: what is open stays so.
  func unmount(_ path: String) { mounts.removeAll { $0.path == path } }

  func isMounted(_ volume: Volume) -> Bool { mounts.contains { $0.volume === volume } }

  /// All descriptors of a process that is gone.
  func closeAll() { for file in Array(opened.keys) { close(file) } }

  private func find(_ path: String) throws(Errno) -> Opened {
    var reached = Opened(volume: base, node: base.root, mount: 1)
    var walked = ""
    for part in path.split(separator: "/") {
      walked += "/\(part)"
      if let mount = mounts.last(where: { $0.path == walked }) {
        reached = Opened(volume: mount.volume, node: mount.volume.root, mount: mount.number)
        continue
      }
      guard let next = reached.node.entries[FileName(String(part))] else { throw .notFound }
      reached = Opened(volume: reached.volume, node: next, mount: reached.mount)
    }
    return reached
  }

  // MARK: Opening

  private func call(
    _ name: CallName, _ file: Opened? = nil, _ text: @escaping @autoclosure () -> String = ""
  ) throws(Errno) {
    now += 200_000
    try before(Call(name: name, volume: file?.volume, node: file?.node, text: text))
  }

  private func changed(_ name: CallName, _ file: Opened) {
    after(Call(name: name, volume: file.volume, node: file.node, text: { "" }))
  }

  private func get(_ file: Int32) throws(Errno) -> Opened {
    guard let opened = opened[file] else { throw Errno(rawValue: EBADF) }
    return opened
  }

  private func keep(_ file: Opened) -> Int32 {
    lastDescriptor += 1
    file.node.openings += 1
    opened[lastDescriptor] = file
    return lastDescriptor
  }

  func openDirectory(at path: String) throws(Errno) -> Int32 {
    try call(.open, nil, path)
    let found = try find(path)
    guard found.node.kind == .directory else { throw .notADirectory }
    return keep(found)
  }

  func open(_ directory: Int32, _ path: [UInt8], _ flags: Int32, _ mode: mode_t) throws(Errno)
    -> Int32
  {
    let start = try get(directory)
    try call(.openat2, start, shown(path))
    var parts = path.split(separator: UInt8(ascii: "/")).map { FileName(Array($0)) }
    if parts == ["."] { parts = [] }
    var node = start.node
    for (index, name) in parts.enumerated() {
      guard node.kind == .directory else { throw .notADirectory }
      if let next = node.entries[name] {
        if next.kind == .symlink { throw .symlink }
        if index == parts.count - 1, flags & O_EXCL != 0 { throw .exists }
        node = next
      } else {
        guard index == parts.count - 1, flags & O_CREAT != 0 else { throw .notFound }
        node = try start.volume.make(.file, name, in: node, clock)
        changed(.create, start)
      }
    }
    if flags & O_TRUNC != 0, node.kind == .file { try start.volume.truncate(node, to: 0, clock) }
    if flags & O_DIRECTORY != 0, node.kind != .directory { throw .notADirectory }
    if node.kind == .socket { throw Errno(rawValue: ENXIO) }
    return keep(Opened(volume: start.volume, node: node, mount: start.mount))
  }

  func close(_ file: Int32) {
    guard let closed = opened.removeValue(forKey: file) else { return }
    closed.node.openings -= 1
    closed.volume.settle(closed.node)
  }

  func closeCopy(_ file: Int32) throws(Errno) { try call(.close, try get(file)) }

  // MARK: Names

  func status(_ file: Int32, _ name: [UInt8]?) throws(Errno) -> Status {
    let place = try get(file)
    try call(.statx, place, shown(name ?? []))
    let node =
      try name.map { (name) throws(Errno) in try child(FileName(name), of: place.node) }
      ?? place.node
    return Status(
      kind: node.kind, snapshot: node.snapshot, device: place.volume.device, mountID: place.mount,
      links: UInt32(max(1, node.places.count)), allocatedBytes: node.bytes.count, owner: 1000,
      permissions: 0o644)
  }

  private func child(_ name: FileName, of node: Node) throws(Errno) -> Node {
    guard node.kind == .directory else { throw .notADirectory }
    guard let child = node.entries[name] else { throw .notFound }
    return child
  }

  func entries(_ directory: Int32, _ body: (FileName, FileKind) -> Bool) throws(Errno) {
    let place = try get(directory)
    try call(.getdents, place)
    guard place.node.kind == .directory else { throw .notADirectory }
    for (name, node) in place.node.entries.sorted(by: { $0.key < $1.key }) {
      if !body(name, node.kind) { return }
    }
  }

  func makeDirectory(_ directory: Int32, _ name: [UInt8], _ mode: mode_t) throws(Errno) {
    let place = try get(directory)
    try call(.mkdirat, place, shown(name))
    _ = try place.volume.make(.directory, FileName(name), in: place.node, clock)
    changed(.mkdirat, place)
  }

  func unlink(_ directory: Int32, _ name: [UInt8]) throws(Errno) {
    let place = try get(directory)
    try call(.unlinkat, place, shown(name))
    try place.volume.unlink(FileName(name), in: place.node, directory: false, clock)
    changed(.unlinkat, place)
  }

  func removeDirectory(_ directory: Int32, _ name: [UInt8]) throws(Errno) {
    let place = try get(directory)
    try call(.rmdir, place, shown(name))
    try place.volume.unlink(FileName(name), in: place.node, directory: true, clock)
    changed(.rmdir, place)
  }

  func rename(
    _ directory: Int32, _ name: [UInt8], _ newDirectory: Int32, _ newName: [UInt8],
    _ rule: Descriptor.RenameRule
  ) throws(Errno) {
    let (from, to) = (try get(directory), try get(newDirectory))
    try call(.renameat2, from, "\(shown(name)) → \(shown(newName))")
    guard from.volume === to.volume else { throw .crossDevice }
    try from.volume.rename(
      FileName(name), in: from.node, to: FileName(newName), in: to.node, rule, clock)
    changed(.renameat2, to)
  }

  func link(_ directory: Int32, _ name: [UInt8], _ newDirectory: Int32, _ newName: [UInt8])
    throws(Errno)
  {
    let (from, to) = (try get(directory), try get(newDirectory))
    try call(.linkat, from, "\(shown(name)) → \(shown(newName))")
    guard from.volume === to.volume else { throw .crossDevice }
    try from.volume.link(
      try child(FileName(name), of: from.node), FileName(newName), in: to.node, clock)
    changed(.linkat, to)
  }

  func makeSymlink(_ directory: Int32, _ name: [UInt8], to target: [UInt8]) throws(Errno) {
    let place = try get(directory)
    try call(.symlinkat, place, shown(name))
    _ = try place.volume.make(.symlink, FileName(name), in: place.node, clock, target: target)
    changed(.symlinkat, place)
  }

  func symlinkTarget(_ directory: Int32, _ name: [UInt8]) throws(Errno) -> [UInt8] {
    let place = try get(directory)
    try call(.readlinkat, place, shown(name))
    let node = try child(FileName(name), of: place.node)
    guard node.kind == .symlink else { throw .invalid }
    return node.bytes
  }

  // MARK: Bytes

  func read(_ file: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Errno)
    -> Int
  {
    let place = try get(file)
    try call(.pread, place)
    let bytes = place.node.bytes
    guard offset < bytes.count else { return 0 }
    let most = bytes.count < Self.frame ? chunk : buffer.count
    let count = min(buffer.count, most, bytes.count - offset)
    for index in 0..<count { buffer[index] = bytes[offset + index] }
    return count
  }

  func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Errno) -> Int {
    let place = try get(file)
    try call(.pwrite, place)
    let count = bytes.count < Self.frame ? min(bytes.count, chunk) : bytes.count
    try place.volume.write(Array(bytes.prefix(count)), at: offset, of: place.node, clock)
    changed(.pwrite, place)
    return count
  }

  func clone(_ file: Int32, from source: Int32) throws(Errno) {
    let (to, from) = (try get(file), try get(source))
    try call(.ficlone, to)
    guard from.volume === to.volume else { throw .crossDevice }
    guard to.volume.traits.sharesBlocks else { throw .unsupported }
    try to.volume.truncate(to.node, to: 0, clock)
    try to.volume.write(from.node.bytes, at: 0, of: to.node, clock)
    changed(.ficlone, to)
  }

  func allocate(_ file: Int32, _ size: Int) throws(Errno) {
    let place = try get(file)
    try call(.fallocate, place)
    try place.volume.truncate(place.node, to: max(size, place.node.bytes.count), clock)
    changed(.fallocate, place)
  }

  func truncate(_ file: Int32, to size: Int) throws(Errno) {
    let place = try get(file)
    try call(.ftruncate, place)
    try place.volume.truncate(place.node, to: size, clock)
    changed(.ftruncate, place)
  }

  func data(_ file: Int32, from offset: Int) throws(Errno) -> Range<Int> {
    let place = try get(file)
    try call(.lseek, place)
    guard offset < place.node.bytes.count else { throw Errno(rawValue: ENXIO) }
    return offset..<place.node.bytes.count
  }

  func setModified(_ file: Int32, _ nanoseconds: Int64) throws(Errno) {
    let place = try get(file)
    try call(.utimensat, place)
    place.node.modified = place.volume.stamp(nanoseconds)
    place.node.changed = place.volume.stamp(clock)
  }

  func sync(_ file: Int32) throws(Errno) {
    let place = try get(file)
    try call(.fsync, place)
    place.volume.sync(place.node)
  }

  func syncData(_ file: Int32) throws(Errno) { try sync(file) }

  func dropCached(_ file: Int32) throws(Errno) { try call(.fadvise, try get(file)) }

  func lease(_ file: Int32) throws(Errno) {
    let place = try get(file)
    try call(.fcntl, place)
    guard place.volume.traits.hasLeases else { throw .invalid }
    if place.node.writers > 0 { throw .tryAgain }
  }

  // MARK: What is mounted, and since when

  func fileSystemType(_ file: Int32) throws(Errno) -> Int64 { Int64(try get(file).volume.device) }

  func room(_ directory: Int32) throws(Errno) -> Room {
    let place = try get(directory)
    try call(.fstatvfs, place)
    let volume = place.volume
    return Room(
      volume: volume.device, bytes: volume.free, totalBytes: volume.traits.capacity, block: 1,
      isWritable: !volume.isReadOnly)
  }

  func bootID() throws(SystemError) -> String { "boot-\(boot)" }
}
