import Foundation
import Ingest
import Journal
import Paths
import ReadModel
import Rules

/// Everything of one hot folder that the journal has seen become a job.
struct PastArrivals {
  struct File {
    /// When its delivery was first seen.
    let day: Day
    /// nil if it was never published.
    let destination: Published?
  }

  struct Published {
    /// Beneath the root of its time.
    let path: RelativePath
    let absolute: [UInt8]
  }

  let hotFolder: String
  /// By their paths from the hot folder's root; what was published last counts.
  private(set) var files: [RelativePath: File] = [:]
  /// Where the hot folder lay, with a slash behind it; empty where no job tells.
  private var root: [UInt8] = []

  /// A path as a person would name it.
  func named(_ path: RelativePath) -> [UInt8] {
    // The root itself is named without the slash that leads on from it.
    path.isRoot && root.count > 1 ? root.dropLast() : root + path.bytes
  }

  /// Reads a journal without changing it, whether its daemon runs or not.
  ///
  /// - Throws: exit 66 if there is none.
  static func read(stateDirectory: String) async throws -> [PastArrivals] {
    let journal: Journal
    do throws(JournalError) {
      journal = try Journal(readingStateDirectory: stateDirectory)
    } catch {
      let remedy = "name the directory of the journal with --state DIR"
      throw Failure(.noSuchInput, "\(error)", remedy: remedy)
    }
    let reader = JournalReader(journal)
    var found: [String: PastArrivals] = [:]
    for job in try await journal.jobs() {
      let frames = try await journal.frames(of: job.id)
      guard !frames.isEmpty, let map = try await reader.job(job.id)?.map, map.count == frames.count
      else { continue }
      found[job.hotFolder, default: PastArrivals(hotFolder: job.hotFolder)].add(job, frames, map)
    }
    try await journal.close()
    return found.values.sorted { $0.hotFolder < $1.hotFolder }
  }

  private init(hotFolder: String) { self.hotFolder = hotFolder }

  /// - Precondition: jobs come newest first.
  private mutating func add(_ job: JobRecord, _ frames: [FrameRecord], _ map: [PlannedPair]) {
    let day = Day(job.created)
    for (frame, pair) in zip(frames, map) where files[frame.source]?.destination == nil {
      if root.isEmpty { root = pair.source.bytes.dropLast(frame.source.bytes.count) }
      let isThere = job.state == JobState.done.rawValue && frame.outcome != "skipped"
      files[frame.source] = File(
        day: day,
        destination: isThere
          ? Published(path: frame.destination, absolute: pair.destination.bytes) : nil)
    }
  }
}

extension Day {
  /// The day it is here at that moment.
  fileprivate init(_ date: Date) {
    let parts = Calendar(identifier: .gregorian).dateComponents([.year, .month, .day], from: date)
    self.init(year: parts.year!, month: parts.month!, day: parts.day!)!
  }
}
