import CLinux
import Glibc
import Synchronization

/// The processes that came of one child, wherever they went.
///
/// A process group does not hold one that called `setsid(2)`, and a chain of parents breaks where one of them ends. So
/// this process is the subreaper of its descendants while a child runs (`PR_SET_CHILD_SUBREAPER`): whoever loses its
/// parent becomes a child of ours, and all that is left of a child is found by going down from this process. Only where
/// two children run at the same time does it take their mark to tell whose orphan it is: a variable in the environment,
/// which `fork(2)` and `setsid(2)` leave alone. One that threw its mark off ends with the last of them.
///
/// Processes of this one's session, and those that are older than the child, are never touched. So whoever else in this
/// process starts programs in sessions of their own while a child runs has to do it through here.
struct Descendants: Sendable {
  /// The name of the variable.
  static let variable = "HOTPLATE_PICTURE"

  /// Its value, which no other child of this or another Hotplate has.
  let mark: String
  /// Clock ticks after boot, as ``ProcessEntry/start``.
  private let since: UInt64

  /// The marks of the children that run now. Held while looking and killing, so that none begins in between whose
  /// process, before it is marked, would be taken for one that threw its mark off.
  private static let running = Mutex<Set<String>>([])

  /// Call before the child is started.
  static func begin() -> Descendants {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    let perSecond = sysconf(Int32(_SC_CLK_TCK))
    let since = UInt64(now.tv_sec * perSecond + now.tv_nsec / (1_000_000_000 / perSecond))
    let mark = "\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    running.withLock { running in
      if running.isEmpty { _ = hp_set_subreaper(1) }
      running.insert(mark)
    }
    return Descendants(mark: mark, since: since)
  }

  /// Ends what is left after the child itself has ended and its exit code was taken. Blocks.
  ///
  /// - Parameter patience: after it, what is left waits for the kernel and not for us.
  /// - Returns: whether no process is left.
  func end(within patience: Duration) -> Bool {
    let deadline = ContinuousClock.now + patience
    var isOver = false
    repeat {
      let killed = Self.running.withLock { kill(running: $0) }
      isOver = killed.isEmpty
      waitForOne(of: killed)
      for pidfd in killed { close(pidfd) }
    } while !isOver && ContinuousClock.now < deadline
    Self.running.withLock { running in
      running.remove(mark)
      if running.isEmpty { _ = hp_set_subreaper(0) }
    }
    return isOver
  }

  /// Sets limits from outside for the child, just after its start, and for what it may have started before that. Blocks.
  ///
  /// What starts later inherits them.
  func limit(_ child: pid_t, _ limits: hp_limits) {
    var limits = limits
    var limited: Set<pid_t> = [child]
    // Each fails only for one that has ended already.
    _ = hp_limit(child, &limits)
    // Every look finds what the last one was too early for; who starts more and more is bounded all the same.
    for _ in 0..<10 {
      let processes = ProcessEntry.all()
      let mine = Self.running.withLock { members(processes, of: child, running: $0) }
      if mine.isSubset(of: limited) { return }
      for process in mine.subtracting(limited) { _ = hp_limit(process, &limits) }
      limited.formUnion(mine)
    }
  }

  /// The child, those that came of it, and the orphans that are its.
  private func members(_ processes: [ProcessEntry], of child: pid_t?, running: Set<String>)
    -> Set<pid_t>
  {
    let us = getpid()
    let ourSession = getsid(0)
    let others = running.subtracting([mark])
    var mine = Set([child].compactMap(\.self))
    for orphan in processes
    where orphan.parent == us && orphan.session != ourSession && orphan.start >= since {
      if others.isEmpty || orphan.variable(Self.variable) == mark { mine.insert(orphan.id) }
    }
    var isGrowing = !mine.isEmpty
    while isGrowing {
      isGrowing = false
      for process in processes where mine.contains(process.parent) {
        isGrowing = mine.insert(process.id).inserted || isGrowing
      }
    }
    return mine
  }

  /// - Returns: a descriptor of each process that was there.
  private func kill(running: Set<String>) -> [Int32] {
    let processes = ProcessEntry.all()
    let mine = members(processes, of: nil, running: running)
    var killed: [Int32] = []
    for process in processes where mine.contains(process.id) {
      if process.isZombie {
        // One whose parent is another ends with that.
        if process.parent == getpid() { waitpid(process.id, nil, WNOHANG) }
        continue
      }
      let pidfd = hp_pidfd_open(process.id)
      guard pidfd >= 0 else { continue }
      // Now that the descriptor holds it: is it still the same?
      guard ProcessEntry(process.id)?.start == process.start else {
        close(pidfd)
        continue
      }
      _ = hp_pidfd_signal(pidfd, SIGKILL)
      killed.append(pidfd)
    }
    return killed
  }

  private func waitForOne(of pidfds: [Int32]) {
    guard !pidfds.isEmpty else { return }
    var polled = pidfds.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    poll(&polled, nfds_t(polled.count), 100)
  }
}
