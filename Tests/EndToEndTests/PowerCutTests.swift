import Foundation
import GRDB
import Paths
import TestSupport
import Testing

private let shot = "sh010"
private let frames = 4
private let bytes = 100_000

/// What a power cut leaves is laid by hand between two lives of the program: zeros in published frames that were not
/// synced yet, staging that came back, and a journal that knows another boot.
extension Promises {
  @Test func `what a power cut took of a published copy is delivered again at the next start`()
    async throws
  {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let expected = tree.expectedContents(shot, frames: frames, bytes: bytes)
      let job = try tree.deliverAndEnd()
      for frame in [1001, 1003] {
        try tree.loseBytes(of: frame)
      }
      try tree.endedUnderAnotherBoot(job)

      let daemon = try tree.start()
      try daemon.waitForJob(in: "done")
      #expect(try TreeDigest(of: tree.destination).contents == expected)
      let again = try daemon.hotplate(["show", job])
      #expect(again.out.contains("2 frames did not survive"), "\(again.out)")
      try waitUntil("staging to be gone") { tree.hasNoTrace() }
      try tree.passThrough(daemon)
      #expect(
        try daemon.jobs().filter { $0.source.directory.hasSuffix(shot) }.map(\.id) == [job],
        "it was taken as something new")
    }
  }

  @Test func `a frame that a power cut took and whose source is gone is named, and its job fails`()
    async throws
  {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let job = try tree.deliverAndEnd()
      try tree.loseBytes(of: 1002)
      try tree.shell("rm", "--", "\(tree.drop)/\(shot)/\(shot)_v1.2.exr")
      try tree.endedUnderAnotherBoot(job)

      let daemon = try tree.start()
      try waitUntil("the job to say what is missing") {
        let shown = try daemon.hotplate(["show", job]).out
        return shown.contains("failed") && shown.contains("cannot be staged again")
      }
      #expect(
        access("\(tree.destination)/\(published(shot, 1002))", F_OK) != 0,
        "zeros stand under a final name")
    }
  }

  @Test func `what somebody wrote to a published frame before the power cut is his and stays`()
    async throws
  {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let job = try tree.deliverAndEnd()
      let path = "\(tree.destination)/\(published(shot, 1002))"
      let file = try FileHandle(forWritingTo: URL(filePath: path))
      try file.write(contentsOf: Data("graded".utf8))
      try file.close()
      let graded = try Data(contentsOf: URL(filePath: path))
      try tree.endedUnderAnotherBoot(job)

      let daemon = try tree.start()
      try waitUntil("the job to say what it is") {
        let shown = try daemon.hotplate(["show", job]).out
        return shown.contains("failed") && shown.contains("was written to since it was published")
      }
      #expect(try Data(contentsOf: URL(filePath: path)) == graded)
    }
  }

  @Test func `an undo that the power cut found before its delivery was durable begins nothing`()
    async throws
  {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let expected = tree.expectedContents(shot, frames: frames, bytes: bytes)
      let job = try tree.deliverAndEnd()
      try tree.loseBytes(of: 1002)
      try tree.endedUnderAnotherBoot(job)
      try tree.beginUndo(of: job)

      let daemon = try tree.start()
      try daemon.waitForJob(in: "done")
      try waitUntil("the frame to be back") {
        try TreeDigest(of: tree.destination).contents == expected
      }
      let shown = try daemon.hotplate(["show", job]).out
      #expect(shown.contains("not undone: the machine stopped"), "\(shown)")
      #expect(shown.contains("1 frame did not survive"), "\(shown)")
      let again = try daemon.hotplate(["undo", job])
      #expect(again.status == 0, "\(again.err)")
      #expect(try TreeDigest(of: tree.destination).contents.isEmpty)
    }
  }

  @Test func `staging that a power cut brought back is removed at the next start`() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules())
      let job = try tree.deliverAndEnd()
      try tree.endedUnderAnotherBoot(job, isDurable: true)
      let staging = "\(tree.destination)/.hotplate-\(job)/tree/shots"
      try FileManager.default.createDirectory(atPath: staging, withIntermediateDirectories: true)
      try Data("part".utf8).write(to: URL(filePath: staging + "/frame.exr"))

      _ = try tree.start()
      #expect(tree.hasNoTrace())
    }
  }
}

extension HotFolderTree {
  /// - Returns: the job's id.
  fileprivate func deliverAndEnd() throws -> String {
    let daemon = try start()
    try shell("mv", "--", try make(shot, frames: frames, bytes: bytes), "\(drop)/\(shot)")
    let job = try daemon.waitForJob(in: "done")
    try daemon.terminate()
    return job.id
  }

  /// As `hotplate undo` would have left it, cut off at once.
  fileprivate func beginUndo(of job: String) throws {
    let journal = try DatabaseQueue(path: "\(state)/journal.sqlite")
    try journal.write { database in
      try database.execute(
        sql: """
          INSERT INTO undo (job, settings, is_secured)
          SELECT number, ?, 0 FROM job WHERE id = ?
          """, arguments: [Data(#"{"by": "somebody"}"#.utf8), job])
    }
    try journal.close()
  }

  /// Full size and zero, with the time that it was given: as seen after a cut.
  fileprivate func loseBytes(of frame: Int) throws {
    let path = "\(destination)/\(published(shot, frame))"
    let times = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.write(contentsOf: Data(repeating: 0, count: bytes))
    try file.close()
    // Exact to less than a microsecond, and never later than the receipt.
    try FileManager.default.setAttributes([.modificationDate: times!], ofItemAtPath: path)
  }

  /// The journal as it would be had the machine stopped right after `done`.
  fileprivate func endedUnderAnotherBoot(_ job: String, isDurable: Bool = false) throws {
    let journal = try DatabaseQueue(path: "\(state)/journal.sqlite")
    try journal.write { database in
      try database.execute(
        sql: "UPDATE setting SET value = ? WHERE key = 'boot'",
        arguments: [Data("0 another-boot".utf8)])
      try database.execute(
        sql: "UPDATE job SET durable = ? WHERE id = ?", arguments: [isDurable, job])
      let receipts = try Row.fetchAll(database, sql: "SELECT job, ordinal, data FROM receipt")
      for row in receipts {
        var receipt =
          try JSONSerialization.jsonObject(with: row["data"]) as? [String: Any] ?? [:]
        receipt["bootID"] = "another-boot"
        receipt["durable"] = isDurable
        try database.execute(
          sql: "UPDATE receipt SET data = ? WHERE job = ? AND ordinal = ?",
          arguments: [
            try JSONSerialization.data(withJSONObject: receipt), row["job"], row["ordinal"],
          ])
      }
    }
  }
}
