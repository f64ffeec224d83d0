import Dispatch
import Glibc
import Synchronization

/// Says what takes so long, on a terminal, from its third second on.
enum Patience {
  /// Kept to the end: a signal whose source is gone would be lost.
  private static let screens = Mutex<[LiveScreen]>([])

  /// - Parameter what: a sentence's beginning, `looks through /drop`; names in it went through `shown`.
  static func during<R>(_ what: String, _ work: () async throws -> R) async rethrows -> R {
    guard let screen = LiveScreen(on: STDERR_FILENO, .below, endsOnSignals: true) else {
      return try await work()
    }
    screens.withLock { $0.append(screen) }
    let began = ContinuousClock.now
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + 2, repeating: 1)
    timer.setEventHandler {
      let seconds = durationText(Double((ContinuousClock.now - began).components.seconds))
      screen.show { terminal in
        [
          Brush(color: terminal.color, width: terminal.width ?? 80)
            .line([("\(what) … \(seconds)", .faint)])
        ]
      }
    }
    timer.resume()
    do {
      let result = try await work()
      timer.cancel()
      await screen.close()
      return result
    } catch {
      timer.cancel()
      await screen.close()
      throw error
    }
  }
}
