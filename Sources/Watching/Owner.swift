import Files
import Glibc
import Paths
import Synchronization

/// What the thread keeps for one `Watcher`.
final class Owner {
  let deliver: @Sendable ([WatchEvent]) -> Void
  let watchCount: WatchCount
  var roots: [Int: Root] = [:]
  var batch: [WatchEvent] = []
  /// Events of the batch that may speak of something else than a file.
  var unknown: [(index: Int, entry: Entry)] = []
  /// Events are lost on purpose, for the tests of what happens then.
  var isDeaf = false

  /// Counts the barriers that began to wait for walks. A barrier waits for the walks of its own epoch and earlier: with
  /// later ones it would wait for ever in a busy tree.
  var epoch = 0

  init(deliver: @escaping @Sendable ([WatchEvent]) -> Void, watchCount: WatchCount) {
    self.deliver = deliver
    self.watchCount = watchCount
  }

  /// Stands for the kernel's limit of watches, for the tests of what happens there.
  var watchLimit: Int?

  /// At most this many events in a batch.
  static let batchLimit = 2048
}

/// How many directories a watcher watches, readable from any thread.
final class WatchCount: Sendable {
  private let value = Atomic(0)
  var current: Int { value.load(ordering: .relaxed) }
  func add(_ change: Int) { value.add(change, ordering: .relaxed) }
}

/// One watched root.
final class Root {
  unowned let owner: Owner
  let number: Int
  let path: String
  let node: NodeID
  private let identity: OpenDirectory.Identity
  /// The mount that its path led to; see `Loop.checkRoots`.
  let mount: UInt64
  private var open: OpenDirectory?

  /// Walks that are ready to go on, the next one first.
  var lane = Fifo<Walk>()
  /// Walks not finished by the epoch they began in.
  var walks: [Int: Int] = [:]
  /// Listings open at the same time; each costs two descriptors.
  var listings = 0
  /// Rescans (and the first look) by their scope, so that two of one scope become one.
  var scopes: [NodeID: Walk] = [:]
  /// Some directories have no watch, and that was told.
  var isLimited = false

  init(owner: Owner, number: Int, path: String, node: NodeID, opened: OpenDirectory)
    throws(SystemError)
  {
    self.owner = owner
    self.number = number
    self.path = path
    self.node = node
    identity = try opened.identity()
    mount = try opened.mount()
    open = opened
  }

  /// Whether `directory` is the one that is watched.
  func isSame(as directory: OpenDirectory) throws(SystemError) -> Bool {
    guard try directory.identity() == identity else { return false }
    return try directory.mount() == mount
  }

  /// The root's directory, held until the thread goes idle: an idle descriptor would make a plain `umount` fail.
  ///
  /// - Throws: ESTALE if another directory stands at the path by now.
  func directory() throws(SystemError) -> OpenDirectory {
    if let open { return open }
    let opened = try OpenDirectory.root(at: path)
    guard try opened.identity() == identity else {
      throw SystemError("open", path, errno: .stale)
    }
    open = opened
    return opened
  }

  func closeDirectory() { open = nil }

  /// Whether a walk of this epoch or an earlier one is under way.
  func isWalking(upTo epoch: Int) -> Bool { walks.contains { $0.key <= epoch } }

  func walkEnded(_ epoch: Int) {
    walks[epoch, default: 0] -= 1
    if walks[epoch] == 0 { walks[epoch] = nil }
  }

  func place(_ path: RelativePath) -> Place { Place(root: number, path: path) }
}
