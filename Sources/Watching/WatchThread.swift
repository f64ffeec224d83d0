import CLinux
import Files
import Foundation
import Glibc
import Synchronization

/// The one thread of this process that reads events and walks trees.
final class WatchThread: Sendable {
  /// Started by the first watcher; it lives as long as the process, because the library cannot be initialised twice.
  static let shared: Result<WatchThread, WatchError> = {
    do throws(WatchError) { return .success(try WatchThread()) } catch { return .failure(error) }
  }()

  typealias Request = @Sendable (Loop) -> Void

  private let notifier: Notifier
  private let places: RootPlaces
  private let doorbell: Int32
  private let requests = Mutex<[Request]>([])
  /// Whether the last sleep was one without an end, and how often the thread has woken: what "idle" means, for the tests.
  let sleepsForGood = Atomic(false)
  let wakeUps = Atomic(0)

  private init() throws(WatchError) {
    notifier = try Notifier()
    places = RootPlaces()
    doorbell = hp_eventfd()
    guard doorbell >= 0 else {
      throw .system(SystemError("eventfd", "the watch thread's doorbell"))
    }
    let thread = Thread { [self] in run() }
    thread.start()
  }

  /// Has the thread do something between two reads.
  func perform(_ request: @escaping Request) {
    requests.withLock { $0.append(request) }
    var one: UInt64 = 1
    _ = write(doorbell, &one, 8)
  }

  private func run() {
    Thread.current.name = "hotplate-watch"
    // Signals are for the threads that wait for them; here they would only interrupt the library's calls.
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, nil)

    let loop = Loop(notifier: notifier, places: places)
    while true {
      sleep(loop.wait(now: .now), loop)
      for request in takeRequests() { request(loop) }
      loop.turn()
    }
  }

  private func sleep(_ duration: Duration?, _ loop: Loop) {
    if duration == .zero {
      // A busy thread must hear of mounts too.
      loop.places.look()
      return
    }
    loop.rest()
    sleepsForGood.store(duration == nil, ordering: .releasing)
    // Rounded up: a wake-up just before a deadline would be for nothing.
    let milliseconds = duration.map { Int32($0 / .milliseconds(1)) + 1 } ?? -1
    var sources = [
      pollfd(fd: notifier.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: doorbell, events: Int16(POLLIN), revents: 0),
    ]
    sources += loop.places.sources
    poll(&sources, nfds_t(sources.count), milliseconds)
    loop.places.read(sources[2...])
    wakeUps.add(1, ordering: .relaxed)
    sleepsForGood.store(false, ordering: .releasing)
  }

  private func takeRequests() -> [Request] {
    var count: UInt64 = 0
    _ = read(doorbell, &count, 8)
    return requests.withLock { requests in
      defer { requests = [] }
      return requests
    }
  }
}
