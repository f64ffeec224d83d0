import Transfer

/// The hashed, verified copy against the tools one would use instead.
///
/// Each round gives each contender a destination of its own. What is timed begins with the sources in memory and
/// nothing waiting to be written, and ends when the program does: nobody syncs.
struct CopyBenchmark {
  let scratch: Scratch
  let workers: Int
  let rounds: Int
  let frames: Int
  let bytes: Int

  private enum Contender: String, CaseIterable {
    case hotplate
    case cp = "cp -r"
    case rsync = "rsync -a --whole-file"
    case hashedCp = "cp -r; xxhsum -H2"

    var goal: Double {
      switch self {
      case .hotplate: 1
      case .cp: 1.5
      case .rsync: 4
      case .hashedCp: 2
      }
    }
  }

  func run() async throws -> [BenchmarkRow] {
    let source = try Frames(frames, bytes: bytes, in: try scratch.directory("source/shot"))
    let transfer = Transfer(workers: CopyWorkers(count: workers))
    var times: [Contender: [Duration]] = [:]
    for round in 0..<rounds {
      // Another one first each round: whoever follows a pause of the disk may have it easier.
      let order = Contender.allCases.rotated(by: round)
      for (place, contender) in order.enumerated() {
        let destination = try scratch.directory("round-\(round)/\(place)")
        try source.warm()

        let start = ContinuousClock.now
        try await copy(source, to: destination, contender, transfer)
        times[contender, default: []].append(ContinuousClock.now - start)
        // At once: its memory serves the next one. A virtual machine whose host takes unused memory back pays some
        // seconds a gigabyte for touching new memory, which would drown all that is measured here.
        try execute("rm", "-rf", "--", destination)
      }
    }
    return Contender.allCases.dropFirst().map { peer in
      BenchmarkRow(
        "copy \(frames) × \(bytes) bytes, hashed", against: peer.rawValue,
        ours: Timing(runs: times[.hotplate]!), theirs: Timing(runs: times[peer]!),
        goal: peer.goal)
    }
  }

  private func copy(
    _ source: Frames, to destination: String, _ contender: Contender, _ transfer: Transfer
  ) async throws {
    switch contender {
    case .hotplate:
      let plan = try source.plan("bench", to: destination)
      let receipts = try await transfer.stage(plan)
      try await transfer.confirm(plan, receipts)
      guard try await transfer.publish(plan, receipts) == .published(skipped: []) else {
        throw BenchmarkError("the frames were not published")
      }
      _ = try await transfer.discard(plan)
    case .cp: try execute("cp", "-r", source.directory, destination)
    case .rsync: try execute("rsync", "-a", "--whole-file", source.directory, destination)
    case .hashedCp:
      let script = "cp -r \"$1\" \"$2\" && find \"$2\" -type f -exec xxhsum -q -H2 {} +"
      try execute("sh", "-c", script, "sh", source.directory, destination)
    }
  }
}

extension Array {
  fileprivate func rotated(by count: Int) -> [Element] {
    let cut = count % Swift.max(1, self.count)
    return Array(self[cut...] + self[..<cut])
  }
}
