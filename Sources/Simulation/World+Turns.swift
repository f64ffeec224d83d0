import Foundation

/// What happens next.
extension World {
  /// Something happens: to the daemon, in it, or around it.
  func turn() async {
    guard let daemon else {
      if random.once(in: 2) { act() } else { await start() }
      return
    }
    switch Int.random(in: 0..<40, using: &random) {
    case 0...7: act()
    case 8...11: deliver(Int.random(in: 1...6, using: &random))
    case 12...15: for _ in 0..<Int.random(in: 1...6, using: &random) { daemon.handleNext() }
    case 16...20: await work(daemon)
    case 21...35: await advance(daemon, steps: Int.random(in: 1...30, using: &random))
    case 36...37: if habits.isAfterwards { cutPower() } else { pass() }
    case 38: if habits.kills { killIn = Int.random(in: 0...80, using: &random) }
    default:
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1: cutPower()
      case 2:
        say("the daemon is stopped")
        stop()
      default: break
      }
    }
    await settleDeath()
  }

  /// The daemon goes on for a while, and only what comes between its calls disturbs it.
  private func advance(_ daemon: ModelDaemon, steps: Int) async {
    for _ in 0..<steps where !isDead && !daemon.isBroken {
      if !daemon.inbox.isEmpty {
        daemon.handleNext()
      } else if !watcher.events.isEmpty, !random.once(in: 4) {
        deliver(Int.random(in: 1...8, using: &random))
      } else if !daemon.chains.isEmpty || !daemon.errands.isEmpty {
        await work(daemon)
      } else {
        pass()
      }
    }
  }

  private func settleDeath() async {
    if daemon?.isBroken == true { isDead = true }
    if isDead { bury() }
    checkOwed("after a turn")
  }

  /// One piece of the daemon's work.
  private func work(_ daemon: ModelDaemon) async {
    let chains = daemon.chains.keys.sorted()
    let pieces = chains.count + daemon.errands.count + daemon.syncs.count
    guard pieces > 0 else { return pass() }
    let piece = Int.random(in: 0..<pieces, using: &random)
    if piece < chains.count {
      await daemon.runChain(chains[piece])
    } else if piece < chains.count + daemon.errands.count {
      await daemon.runErrand(piece - chains.count)
    } else {
      await daemon.runSync()
    }
  }

  /// Time passes until something is due.
  func pass() {
    guard let daemon else { return }
    if let due = daemon.nextDeadline {
      let wait = due - moment.uptime
      if wait > .zero {
        kernel.now +=
          Int64(wait.components.seconds) * 1_000_000_000
          + wait.components.attoseconds / 1_000_000_000
      }
    } else {
      kernel.now += 1_000_000_000
    }
    daemon.tick()
    // The kernel writes back what is old.
    if random.once(in: 4) { (random.once(in: 2) ? volume : vault).writeBack(&random) }
  }

  /// All faults end, and everything comes to rest.
  ///
  /// - Returns: whether it did.
  func rest() async -> Bool {
    isCalm = true
    calmDown()
    for round in 0..<4_000 {
      // Whose own files keep a half-published delivery waiting clears them away, or brings the source back.
      if round >= 1_200, round.isMultiple(of: 300) { clearTheWay() }
      guard let daemon else {
        await start()
        continue
      }
      if daemon.isBroken {
        stop()
        continue
      }
      if await !goOn(daemon, syncs: true) { return true }
      if isDead { bury() }
    }
    return false
  }

  /// The daemon's next piece of work, or the next time at which it has one.
  ///
  /// - Returns: false if there is none.
  func goOn(_ daemon: ModelDaemon, syncs: Bool) async -> Bool {
    if !watcher.events.isEmpty { deliver(watcher.events.count) }
    if !daemon.inbox.isEmpty {
      daemon.handleNext()
    } else if !daemon.errands.isEmpty || !daemon.chains.isEmpty || syncs && !daemon.syncs.isEmpty {
      await work(daemon)
    } else if daemon.nextDeadline != nil {
      pass()
    } else {
      return false
    }
    return true
  }
}
