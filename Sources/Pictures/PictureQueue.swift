import ReadModel

/// Who waits for which picture: a few are made at a time, the same one is made once for all who ask, and one that nobody
/// waits for any more is not made.
actor PictureQueue {
  typealias Answer = Result<[UInt8], PictureRefusal>
  /// Makes one picture; ends soon after its task is cancelled.
  typealias Work = @Sendable () async -> Answer

  private let mostRunning: Int
  private let mostWaiting: Int
  /// After a making should have ended, those who wait for it are not kept any longer.
  private let patience: Duration
  private let lastPatience: Duration

  private var makings: [PictureKey: Making] = [:]
  /// Those that wait for their turn.
  private var line: [PictureKey] = []
  private var running = 0
  private var lastWaiter = 0
  private var isEnding = false
  private var atRest: [CheckedContinuation<Void, Never>] = []

  private struct Waiter {
    let id: Int
    let work: Work
    let continuation: CheckedContinuation<Answer, Never>
  }

  private struct Making {
    var waiters: [Waiter] = []
    /// nil until its turn comes.
    var task: Task<Void, Never>?
    /// Its task was cancelled. Who comes now waits for the end, and for a new one.
    var isCancelled = false
    var late: [Waiter] = []
    /// It does not end: who comes now is told so.
    var isStuck = false
  }

  /// - Parameters:
  ///   - running: how many are made at a time.
  ///   - waiting: how many more pictures may wait for their turn.
  ///   - patience: how long a making may take, its end by force included.
  ///   - lastPatience: how long its end by force may take when all ends.
  init(running: Int, waiting: Int, patience: Duration, lastPatience: Duration) {
    mostRunning = running
    mostWaiting = waiting
    self.patience = patience
    self.lastPatience = lastPatience
  }

  /// Waits until `work`, or that of another who asked for the same, has made the picture.
  ///
  /// When the task is cancelled and nobody else waits, the making is cancelled, and this returns `.cancelled` when it has
  /// ended.
  func picture(_ key: PictureKey, _ work: @escaping Work) async -> Answer {
    lastWaiter += 1
    let id = lastWaiter
    return await withTaskCancellationHandler {
      await withCheckedContinuation { enter(key, Waiter(id: id, work: work, continuation: $0)) }
    } onCancel: {
      Task { await self.leave(key, id) }
    }
  }

  /// Ends what runs, refuses what waits and what will come, and returns when nothing runs any more, or does not end.
  func stop() async {
    isEnding = true
    for (key, making) in makings {
      for waiter in making.late { waiter.continuation.resume(returning: .failure(ending)) }
      makings[key]?.late = []
      if let task = making.task {
        makings[key]?.isCancelled = true
        task.cancel()
      } else {
        for waiter in making.waiters { waiter.continuation.resume(returning: .failure(ending)) }
        makings[key] = nil
      }
    }
    line = []
    if makings.values.allSatisfy(\.isStuck) { return }
    let watch = Task {
      do { try await Task.sleep(for: lastPatience) } catch { return }
      for key in Array(makings.keys) { giveUp(key) }
    }
    await withCheckedContinuation { atRest.append($0) }
    watch.cancel()
  }

  /// How many requests wait for an answer.
  var waiters: Int { makings.values.reduce(0) { $0 + $1.waiters.count + $1.late.count } }

  private let ending = PictureRefusal.busy("Hotplate is ending")

  private func enter(_ key: PictureKey, _ waiter: Waiter) {
    if isEnding { return waiter.continuation.resume(returning: .failure(ending)) }
    if let making = makings[key] {
      if making.isStuck {
        waiter.continuation.resume(returning: .failure(.noPicture(stuckSentence)))
      } else if making.isCancelled {
        makings[key]?.late.append(waiter)
      } else {
        makings[key]?.waiters.append(waiter)
      }
      return
    }
    guard running < mostRunning || line.count < mostWaiting else {
      return waiter.continuation.resume(
        returning: .failure(.busy("\(line.count) pictures wait to be made already; ask again soon"))
      )
    }
    makings[key] = Making(waiters: [waiter])
    line.append(key)
    startNext()
  }

  private func leave(_ key: PictureKey, _ id: Int) {
    guard let making = makings[key] else { return }
    if let index = making.late.firstIndex(where: { $0.id == id }) {
      makings[key]?.late.remove(at: index)
      return making.late[index].continuation.resume(returning: .failure(.cancelled))
    }
    guard let index = making.waiters.firstIndex(where: { $0.id == id }) else { return }
    if making.waiters.count == 1, let task = making.task {
      // Stays until the child is gone.
      makings[key]?.isCancelled = true
      task.cancel()
      return
    }
    makings[key]?.waiters.remove(at: index)
    making.waiters[index].continuation.resume(returning: .failure(.cancelled))
    if making.waiters.count == 1 {
      makings[key] = nil
      line.removeAll { $0 == key }
    }
  }

  private func startNext() {
    while running < mostRunning, !line.isEmpty {
      let key = line.removeFirst()
      guard let work = makings[key]?.waiters.first?.work else { continue }
      running += 1
      makings[key]?.task = Task {
        let watch = Task {
          do { try await Task.sleep(for: patience) } catch { return }
          giveUp(key)
        }
        let answer = await work()
        watch.cancel()
        finish(key, answer)
      }
    }
  }

  private func finish(_ key: PictureKey, _ answer: Answer) {
    running -= 1
    if let making = makings.removeValue(forKey: key) {
      let answer = making.isCancelled ? .failure(isEnding ? ending : .cancelled) : answer
      for waiter in making.waiters { waiter.continuation.resume(returning: answer) }
      for waiter in making.late { enter(key, waiter) }
    }
    startNext()
    restIfDone()
  }

  /// The kernel does not let a process go: its place stays taken, but nobody waits for it.
  private func giveUp(_ key: PictureKey) {
    guard let making = makings[key] else { return }
    makings[key]?.isStuck = true
    makings[key]?.waiters = []
    makings[key]?.late = []
    for waiter in making.waiters + making.late {
      waiter.continuation.resume(returning: .failure(.noPicture(stuckSentence)))
    }
    restIfDone()
  }

  private func restIfDone() {
    guard isEnding, makings.values.allSatisfy(\.isStuck) else { return }
    for continuation in atRest { continuation.resume() }
    atRest = []
  }
}

/// Of a tool that does not end even when it is killed.
let stuckSentence =
  "the tool that reads the frame waits for its volume, which does not answer, and cannot be ended"
