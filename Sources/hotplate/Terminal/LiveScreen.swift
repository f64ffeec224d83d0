import Dispatch
import Glibc
import Synchronization

/// A picture on a terminal that is drawn over itself.
///
/// All that reaches the terminal goes through one queue with a thread of its own: nobody waits for a terminal that is
/// stopped (Ctrl-S), neither the engine nor whoever logs. The cursor is hidden meanwhile, and is back however the command
/// ends or pauses, `kill -9` excepted.
final class LiveScreen: Sendable {
  enum Manner: Sendable {
    /// The whole window is ours, and what stood there comes back afterwards, with what was printed meanwhile below it.
    case window
    /// A few lines below what was printed before.
    case below
  }

  /// The lines for a window of this size, none of them wider than it.
  typealias Picture = @Sendable (Terminal) -> [String]

  /// Lines that are printed for good.
  struct Text: Sendable {
    let text: String
    /// Whether the last of it is also shown below the picture of a window, which hides what is printed.
    let isNote: Bool
  }

  private struct Inbox {
    var picture: Picture?
    var texts: [Text] = []
    var isAwaited = false
  }

  private let queue = DispatchQueue(label: "hotplate.screen")
  private let inbox = Mutex(Inbox())
  private let canvas: Canvas
  /// Kept, for they end with the last reference to them; nobody touches them again.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  /// - Parameter endsOnSignals: whether SIGINT and SIGTERM end the command here; else they are its own business.
  /// - Returns: nil where lines cannot be drawn over others: no terminal, or a dumb one.
  init?(on descriptor: Int32, _ manner: Manner, endsOnSignals: Bool = false) {
    guard Terminal(of: descriptor).repaints else { return nil }
    let (canvas, queue) = (Canvas(descriptor, manner), queue)
    self.canvas = canvas
    var sources: [any DispatchSourceSignal] = []
    func on(_ signal: Int32, _ body: @escaping @Sendable () -> Void) {
      // Whoever started us without job control, or to outlive the terminal, knows why.
      if isIgnored(signal) { return }
      let source = DispatchSource.makeSignalSource(signal: signal, queue: queue)
      source.setEventHandler(handler: body)
      source.resume()
      sources.append(source)
    }
    on(SIGWINCH) { canvas.paint() }
    on(SIGTSTP) {
      canvas.leave(keepingPicture: false)
      // Stops as the default would have; SIGTSTP itself is blocked for good once Dispatch has seen it.
      kill(getpid(), SIGSTOP)
    }
    on(SIGCONT) {
      canvas.forget()
      canvas.paint()
    }
    for signal in [SIGHUP, SIGQUIT] + (endsOnSignals ? [SIGINT, SIGTERM] : []) {
      on(signal) {
        canvas.leave(keepingPicture: false)
        _exit(128 + signal)
      }
    }
    self.sources = sources
  }

  /// Draws a picture in the place of the one before, now and whenever the window changes its size.
  func show(_ picture: @escaping Picture) { tell { $0.picture = picture } }

  /// Prints lines where they stay: above the picture, or on the terminal that comes back behind the window.
  func print(_ text: String, isNote: Bool) {
    tell { $0.texts.append(Text(text: text, isNote: isNote)) }
  }

  /// Gives the terminal back, with all that was printed on it; waits a moment for one that is stopped, no longer.
  func close(keepingPicture: Bool = false) async {
    let (queue, canvas) = (queue, canvas)
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let end = End(continuation)
      queue.async {
        self.takeInbox()
        canvas.close(keepingPicture: keepingPicture)
        end.reached()
      }
      DispatchQueue.global().asyncAfter(deadline: .now() + 2) { end.reached() }
    }
  }

  private func tell(_ change: (inout Inbox) -> Void) {
    let isFirst = inbox.withLock { inbox in
      change(&inbox)
      defer { inbox.isAwaited = true }
      return !inbox.isAwaited
    }
    if isFirst { queue.async { self.takeInbox() } }
  }

  private func takeInbox() {
    let taken = inbox.withLock { inbox in
      defer { inbox = Inbox() }
      return inbox
    }
    if let picture = taken.picture { canvas.picture = picture }
    canvas.print(taken.texts)
    canvas.paint()
  }

  /// What is waited for, from two sides.
  private final class End: Sendable {
    private let waiter: Mutex<CheckedContinuation<Void, Never>?>

    init(_ waiter: CheckedContinuation<Void, Never>) { self.waiter = Mutex(waiter) }

    func reached() {
      waiter.withLock { waiter in
        waiter?.resume()
        waiter = nil
      }
    }
  }
}

private func isIgnored(_ signal: Int32) -> Bool {
  var action = sigaction()
  sigaction(signal, nil, &action)
  return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
    == unsafeBitCast(SIG_IGN, to: Int.self)
}
