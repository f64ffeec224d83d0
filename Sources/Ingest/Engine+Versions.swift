import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer
import Watching

extension Engine {
  /// Finds the number under which a delivery may go, and remembers it: what comes later of the same delivery takes the
  /// same.
  func chooseVersion(for job: Job, _ question: VersionQuestion) {
    let previous = versions
    versions = Task {
      await previous?.value
      do {
        let choice = try await version(for: job, question)
        inbox.post(.versionChosen(job.id, choice))
      } catch let error as SystemError {
        inbox.post(.versionChosen(job.id, .unknown("\(error)")))
      } catch let error as TransferError {
        inbox.post(.versionChosen(job.id, .unknown("\(error)")))
      } catch {
        fail(error)
      }
    }
  }

  private func version(for job: Job, _ question: VersionQuestion) async throws -> VersionChoice {
    let hotFolder = configuration.hotFolders[job.hotFolder]
    let keys = question.slots.map { slot in
      VersionKey(
        hotFolder: hotFolder.name, scope: question.scope.path, source: question.source,
        slot: VersionKey.Slot(root: job.plan.destinationRoot, slot))
    }
    var chosen: Int?
    for key in keys {
      if let number = try await journal.number(for: key.text) { chosen = max(chosen ?? 0, number) }
    }
    if let chosen, !question.isNext {
      try await remember(chosen, keys)
      // Joining the chosen number needs the plan under that number: only its changed frames stand in the way there.
      return try await hasChanged(job) && !job.plan.isMove ? .nextOfAll : .number(chosen)
    }
    var number = question.source
    if question.isNext {
      for key in keys { number = max(number, try await next(after: key.slot)) }
    } else if try await isTaken(job) {
      for key in keys {
        number = max(number, try await next(after: key.slot))
      }
    }
    try await remember(number, keys)
    return .number(number)
  }

  private func next(after slot: VersionKey.Slot) async throws -> Int {
    let there = try await runner.inspector.highestVersion(at: slot)
    // Given to a delivery that is not published yet.
    let given = try await journal.number(for: slot.text) ?? 0
    return max(there, given) + 1
  }

  /// Whether a file of the job was published before in another state, and everything published with it still lies in the
  /// hot folder: with a source gone, nobody could publish the whole again, and the job is held for a person instead.
  private func hasChanged(_ job: Job) async throws -> Bool {
    let hotFolder = configuration.hotFolders[job.hotFolder]
    var hasChanged = false
    for member in job.members {
      let files = job.plan.files[member.files]
      let directory = files[member.files.lowerBound].source.parent
      let known = try await journal.ingested(hotFolder: hotFolder.name, directory: directory)
      let own = Set(files.map { $0.source.name! })
      if own.contains(where: { known[$0] != nil }) { hasChanged = true }
      let others = known.keys.filter { !own.contains($0) && $0.bytes.starts(with: member.head) }
      let there = try await runner.inspector.names(in: Place(root: job.hotFolder, path: directory))
      if !others.allSatisfy(there.contains) { return false }
    }
    return hasChanged
  }

  /// Whether something else stands where the job would go under its own number.
  private func isTaken(_ job: Job) async throws(TransferError) -> Bool {
    if try await runner.inspector.occupant(of: job) != nil {
      return try await !runner.isAllThere(job, StopFlag())
    }
    return try await runner.transfer.survey(job.plan).values.contains {
      if case .taken = $0 { true } else { false }
    }
  }

  private func remember(_ number: Int, _ keys: [VersionKey]) async throws {
    for key in keys {
      try await journal.setValue(Data("\(number)".utf8), for: key.text)
      let given = try await journal.number(for: key.slot.text) ?? 0
      if number > given {
        try await journal.setValue(Data("\(number)".utf8), for: key.slot.text)
      }
    }
  }
}

/// What a chosen number was chosen for.
struct VersionKey {
  let hotFolder: String
  let scope: RelativePath
  let source: Int
  let slot: Slot

  /// A directory name at a destination that differs in its number only.
  struct Slot: Sendable {
    /// Absolute.
    let root: String
    let parent: RelativePath
    let head: [UInt8]
    let tail: [UInt8]

    init(root: String, _ slot: VersionQuestion.Slot) {
      self.root = root
      parent = slot.parent
      head = slot.head
      tail = slot.tail
    }

    var text: String { "version given " + joined([Array(root.utf8), parent.bytes, head, tail]) }
  }

  var text: String {
    "version of " + joined([Array(hotFolder.utf8), scope.bytes, Array("\(source)".utf8)]) + " "
      + slot.text
  }
}

/// Any bytes as a key: names need not be UTF-8, and no separator is free in all of them.
private func joined(_ parts: [[UInt8]]) -> String {
  parts.map { Data($0).base64EncodedString() }.joined(separator: ",")
}

extension Journal {
  fileprivate func number(for key: String) async throws(JournalError) -> Int? {
    try await value(for: key).flatMap { Int(String(decoding: $0, as: UTF8.self)) }
  }
}

extension Inspector {
  /// What lies in a directory; nothing if it is not there.
  func names(in place: Place) async throws(SystemError) -> Set<FileName> {
    try await names(in: place.path, beneath: .hotFolder(place.root))
  }

  /// The highest number that a directory of this name has; 0 without one.
  func highestVersion(at slot: VersionKey.Slot) async throws(SystemError) -> Int {
    try await names(in: slot.parent, beneath: .destination(slot.root)).lazy.compactMap {
      name -> Int? in
      let name = name.bytes
      guard name.count > slot.head.count + slot.tail.count, name.starts(with: slot.head),
        name.ends(with: slot.tail)
      else { return nil }
      return Int(
        String(decoding: name.dropFirst(slot.head.count).dropLast(slot.tail.count), as: UTF8.self))
    }.max() ?? 0
  }

  private func names(in path: RelativePath, beneath root: Presence.Place)
    async throws(SystemError) -> Set<FileName>
  {
    let result: Result<Set<FileName>, SystemError> = await threads.run { [presence] in
      do throws(SystemError) {
        let root = try presence.open(root)
        return .success(Set(try root.openDirectory(path).entries().map(\.name)))
      } catch {
        return error.errno == .notFound || error.errno == .notADirectory
          ? .success([]) : .failure(error)
      }
    }
    return try result.get()
  }
}
