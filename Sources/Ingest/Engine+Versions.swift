import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer

extension Engine {
  /// Finds the number under which a delivery may go, and remembers it: what comes later of the same delivery takes the
  /// same.
  func chooseVersion(for job: Job, _ question: VersionQuestion) {
    let previous = versions
    versions = Task {
      await previous?.value
      do {
        let number = try await version(for: job, question)
        inbox.post(.versionChosen(job.id, number))
      } catch {
        fail(error)
      }
    }
  }

  private func version(for job: Job, _ question: VersionQuestion) async throws -> Int {
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
    if let chosen {
      try await remember(chosen, keys)
      return chosen
    }
    var number = question.source
    if try await isTaken(job) {
      for key in keys {
        let there = await inspector.highestVersion(at: key.slot)
        // Given to a delivery that is not published yet.
        let given = try await journal.number(for: key.slot.text) ?? 0
        number = max(number, there + 1, given + 1)
      }
    }
    try await remember(number, keys)
    return number
  }

  /// Whether something else stands where the job would go under its own number. What cannot be looked at counts as free:
  /// staging meets it, and says what it is.
  private func isTaken(_ job: Job) async throws -> Bool {
    do throws(TransferError) {
      if try await inspector.occupant(of: job) != nil {
        return try await !isAllThere(job, StopFlag())
      }
      return try await transfer.survey(job.plan).values.contains {
        if case .taken = $0 { true } else { false }
      }
    } catch {
      log.warning("the destination could not be looked at: \(error)", metadata: metadata(job))
      return false
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
  /// The highest number that a directory of this name has; 0 without one.
  func highestVersion(at slot: VersionKey.Slot) async -> Int {
    await threads.run {
      guard
        let directory = try? Descriptor.directory(at: slot.root).openDirectory(slot.parent),
        let entries = try? directory.entries()
      else { return 0 }
      return entries.lazy.compactMap { entry -> Int? in
        let name = entry.name.bytes
        guard name.count > slot.head.count + slot.tail.count, name.starts(with: slot.head),
          name.ends(with: slot.tail)
        else { return nil }
        return Int(
          String(decoding: name.dropFirst(slot.head.count).dropLast(slot.tail.count), as: UTF8.self)
        )
      }.max() ?? 0
    }
  }
}
