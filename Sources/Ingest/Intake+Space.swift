import Files
import Foundation
import Paths
import ReadModel
import Transfer

/// Room on destinations: a job begins only where all of it finds room beside what the jobs under way will take still.
///
/// What does not fit waits in a line of its file system, and nobody else for it: neither other file systems nor, in the
/// stretches in which they may pass, later jobs that fit. Where a destination turns out to be full all the same, the last
/// of those that stage there gives its room back, so that the first gets through.
extension Intake {
  /// The answer to `measure`: for a job that is to begin, for the first of a line, or for one held by its destination.
  mutating func measured(
    _ id: JobID, _ measurement: RoomAnswer, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let job = jobs[id] else { return }
    jobs[id]?.room.isAsked = false
    if job.state == .held { return lookedForPermission(id, measurement.room, now) }
    guard job.state == .queued else { return }
    if let demand = measurement.demand {
      jobs[id]?.room.demand = demand
      jobs[id]?.room.isExact = measurement.isExact
      jobs[id]?.room.isOutdated = false
    }
    guard running.contains(id) else { return roomSeen(of: job, measurement, now, &effects) }
    jobs[id]?.room.seen = measurement.room
    guard let room = measurement.room, let state = jobs[id]?.room, let demand = state.demand else {
      return begin(id, now, &effects)
    }
    let left = available(room, besides: id, measurement.done)
    guard let obstacle = obstacle(to: jobs[id]!, demand, left, now) else {
      jobs[id]?.room.admitted = room
      return begin(id, now, &effects)
    }
    if !state.isExact { return effects.append(.measure(id, .exactly)) }
    waitForRoom(id, obstacle, now, &effects)
  }

  private mutating func begin(_ id: JobID, _ now: Moment, _ effects: inout [Effect]) {
    jobs[id]?.state = .staging
    jobs[id]?.over = nil
    jobs[id]?.reason = nil
    jobs[id]?.room.keepsStaging = false
    if jobs[id]?.started == nil { jobs[id]?.started = now.wall }
    effects.append(.stage(id))
  }

  // MARK: the line of a file system

  /// Jobs that wait for room there, those first whose turn comes first.
  func line(on volume: UInt64) -> [JobID] {
    short.filter { jobs[$0]?.state == .queued && jobs[$0]?.room.volume == volume }
      .sorted { ranks($0, before: $1) }
  }

  private func ranks(_ id: JobID, before other: JobID) -> Bool {
    let (own, others) = (jobs[id]?.priority ?? 0, jobs[other]?.priority ?? 0)
    return own == others ? id < other : own > others
  }

  /// Why a job may not begin now, in words.
  private func obstacle(to job: Job, _ demand: Demand, _ left: Room, _ now: Moment) -> String? {
    let root = shown(Array(job.plan.destinationRoot.utf8))
    if let lack = demand.lack(in: left) { return "no room on \(root): \(lack)" }
    // Links and moves within one file system take nothing that others wait for.
    if demand.bytes == 0 { return nil }
    if let refused = job.room.refused, now.uptime < job.room.again,
      !left.isMore(than: refused, for: demand)
    {
      return job.reason?.message ?? "\(root) was full although it seemed to have room"
    }
    if let first = line(on: left.volume).first, first != job.id, ranks(first, before: job.id),
      standsInTheWay(first, now)
    {
      return "room on \(root) is kept for job \(first), which has waited longest"
    }
    return nil
  }

  /// Whether a job that waits for room holds up those behind it.
  ///
  /// Small ones that pass it for ever would keep it from ever getting room; one that nobody may pass would keep them from
  /// room that is there. So stretches take turns: those in which others may pass are of one length, those in which they
  /// may not grow, until what comes back within one of them is enough.
  private func standsInTheWay(_ id: JobID, _ now: Moment) -> Bool {
    guard let state = jobs[id]?.room, let since = state.waitsSince, let demand = state.demand else {
      return false
    }
    if let total = state.seen?.totalBytes, demand.bytes > total { return false }
    var left = now.uptime - since
    var barred = limits.passing
    while true {
      if left < limits.passing { return false }
      left -= limits.passing
      if left < barred { return true }
      left -= barred
      barred *= 2
    }
  }

  /// What is left of a file system's room beside what jobs that stage there will take still.
  private func available(_ room: Room, besides id: JobID?, _ done: [JobID: RoomAnswer.Done])
    -> Room
  {
    running.reduce(room) { room, other in
      guard other != id, let job = jobs[other], job.state == .staging,
        job.room.volume == room.volume, let demand = job.room.demand
      else { return room }
      let done = done[other] ?? RoomAnswer.Done(bytes: 0, files: 0)
      return room.less(
        min(demand.bytes, max(0, job.byteCount - done.bytes)),
        min(demand.files, max(0, job.plan.files.count - done.files)))
    }
  }

  private mutating func waitForRoom(
    _ id: JobID, _ message: String, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let job = jobs[id] else { return }
    running.remove(id)
    let reason = Reason(.destinationFull, message, at: now.wall)
    // Its row says it once, not at each look.
    let isNews = job.over != .full || job.state != .queued
    jobs[id]?.state = .queued
    jobs[id]?.over = .full
    jobs[id]?.reason = reason
    if job.room.waitsSince == nil { jobs[id]?.room.waitsSince = now.uptime }
    if let volume = job.room.volume {
      short.insert(id)
      if roomAt[volume] == nil { roomAt[volume] = now.uptime + limits.fullRetry }
    } else {
      paused[id] = jobs[id]!.room.again
    }
    if isNews { effects.append(.requeue(id, .full, reason)) }
  }

  /// Asks, while somebody waits, what has become of the room and of permissions.
  mutating func askForRoom(_ now: Moment, _ effects: inout [Effect]) {
    for (volume, at) in roomAt where at <= now.uptime {
      short = short.filter { jobs[$0]?.state == .queued }
      guard let first = line(on: volume).first else {
        roomAt[volume] = nil
        continue
      }
      roomAt[volume] = now.uptime + limits.fullRetry
      ask(first, &effects)
    }
    if let at = journalAt, at <= now.uptime {
      journalAt = now.uptime + limits.journalRetry
      effects.append(.regainJournalRoom)
    }
    for (id, at) in unwritableAt where at <= now.uptime {
      unwritableAt[id] = jobs[id]?.state == .held ? now.uptime + limits.fullRetry : nil
      if unwritableAt[id] != nil { ask(id, &effects) }
    }
  }

  /// A volume that does not answer is asked once.
  private mutating func ask(_ id: JobID, _ effects: inout [Effect]) {
    guard jobs[id]?.room.isAsked == false else { return }
    jobs[id]?.room.isAsked = true
    // Of one that has staged some, what is left counts.
    effects.append(.measure(id, jobs[id]?.room.keepsStaging == true ? .exactly : .room))
  }

  /// Lets those of a line try whose turn has come.
  private mutating func roomSeen(
    of asked: Job, _ measurement: RoomAnswer, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let volume = asked.room.volume else { return }
    let line = line(on: volume)
    guard let room = measurement.room, room.volume == volume else {
      // Another file system is there, or none: each finds out for itself.
      for id in line { putBack(id) }
      return
    }
    var left = available(room, besides: nil, measurement.done)
    for id in line {
      jobs[id]?.room.seen = room
      guard let job = jobs[id], let demand = job.room.demand else { continue }
      guard let obstacle = obstacle(to: job, demand, left, now) else {
        left = left.less(demand.bytes, demand.files)
        putBack(id)
        continue
      }
      jobs[id]?.reason?.message = obstacle
      if job.room.keepsStaging, !line.contains(where: { jobs[$0]?.room.isGivingBack ?? false }),
        lastToStage(on: volume) == id
      {
        giveBack(id, &effects)
      }
    }
  }

  private mutating func putBack(_ id: JobID) {
    short.remove(id)
    queue.insert(id, at: queue.firstIndex { $0 > id } ?? queue.endIndex)
  }

  // MARK: full in spite of it

  /// Staging met a full destination.
  mutating func metFull(
    _ id: JobID, _ message: String, _ now: Moment, _ effects: inout [Effect]
  ) {
    guard let state = jobs[id]?.room else { return }
    jobs[id]?.room.isYielding = false
    let another = state.volume.flatMap { makeWay(on: $0, for: id, now, &effects) }
    if another == nil {
      jobs[id]?.room.refused = state.admitted
      jobs[id]?.room.tryLater(now.uptime, limits)
      giveBack(id, &effects)
    } else {
      jobs[id]?.room.keepsStaging = true
    }
    waitForRoom(id, message, now, &effects)
  }

  /// A publication met a full destination: what is only staged there makes room for it.
  mutating func makeWay(for id: JobID, _ now: Moment, _ effects: inout [Effect]) {
    guard let volume = jobs[id]?.room.volume else { return }
    _ = makeWay(on: volume, for: id, now, &effects)
  }

  /// - Returns: who gives its room back to `id`; nil if it is the last itself.
  private mutating func makeWay(
    on volume: UInt64, for id: JobID, _ now: Moment, _ effects: inout [Effect]
  ) -> JobID? {
    if let other = short.first(where: {
      $0 != id && jobs[$0]?.room.volume == volume && jobs[$0]?.room.isGivingBack == true
    }) {
      return other
    }
    guard let last = lastToStage(on: volume), last != id else { return nil }
    if jobs[last]?.state == .staging {
      jobs[last]?.room.isYielding = true
      effects.append(.stop(last))
    } else {
      giveBack(last, &effects)
    }
    return last
  }

  /// Of the jobs that have staged frames there and have not committed, the one whose turn comes last.
  private func lastToStage(on volume: UInt64) -> JobID? {
    running.union(short).filter { id in
      guard let job = jobs[id], job.room.volume == volume, job.room.demand?.bytes != 0 else {
        return false
      }
      return job.state == .staging || (job.state == .queued && job.room.keepsStaging)
    }.max { ranks($0, before: $1) }
  }

  /// It has stopped so that one before it has the room.
  mutating func yielded(_ id: JobID, _ now: Moment, _ effects: inout [Effect]) {
    jobs[id]?.room.isYielding = false
    giveBack(id, &effects)
    waitForRoom(id, "gave its room back to a job that came before it", now, &effects)
  }

  private mutating func giveBack(_ id: JobID, _ effects: inout [Effect]) {
    jobs[id]?.room.keepsStaging = false
    jobs[id]?.room.isGivingBack = true
    // What it takes is all of it again.
    jobs[id]?.room.isOutdated = true
    effects.append(.giveBack(id))
  }

  mutating func gaveBack(_ id: JobID, _ now: Moment) {
    jobs[id]?.room.isGivingBack = false
    if let volume = jobs[id]?.room.volume, roomAt[volume] != nil { roomAt[volume] = now.uptime }
  }

  // MARK: after the commit

  /// Something that may pass keeps a publication from its end.
  mutating func pausePublishing(
    _ id: JobID, over: JobOverlay?, _ reason: Reason, _ effects: inout [Effect]
  ) {
    guard let job = jobs[id] else { return }
    jobs[id]?.over = over
    if job.over == over, job.reason?.message == reason.message { return }
    jobs[id]?.reason = reason
    effects.append(.overlay(id, over, reason))
  }

  /// It is published: whatever was in the way is no more.
  mutating func goesOn(_ id: JobID, _ effects: inout [Effect]) {
    guard let job = jobs[id], job.over != nil || job.reason != nil else { return }
    jobs[id]?.over = nil
    jobs[id]?.reason = nil
    effects.append(.overlay(id, nil, nil))
  }

  // MARK: no permission

  /// Somebody has to mount or permit it; then it goes on by itself.
  mutating func holdUnwritable(
    _ id: JobID, _ message: String, _ now: Moment, _ effects: inout [Effect]
  ) {
    jobs[id]?.room.wasUnwritable = false
    jobs[id]?.room.tryLater(now.uptime, limits)
    // Asked at once: only who saw that it may not be written can see that it may again.
    unwritableAt[id] = now.uptime
    let way = "; it goes on by itself when that is done"
    setAside(id, .held, Reason(.destination, message + way, at: now.wall), &effects)
  }

  private mutating func lookedForPermission(_ id: JobID, _ room: Room?, _ now: Moment) {
    guard let job = jobs[id], unwritableAt[id] != nil else { return }
    guard room?.isWritable != false else {
      jobs[id]?.room.wasUnwritable = true
      return
    }
    if job.isBeingSetAside { return }
    // Where permissions tell nothing (network file systems), only trying does.
    guard job.room.wasUnwritable && room != nil || now.uptime >= job.room.again else { return }
    unwritableAt[id] = nil
    jobs[id]?.state = .queued
    putBack(id)
  }
}
