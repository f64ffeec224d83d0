import Files
import Foundation
import Paths
import Synchronization

/// Someone else's view of a destination: a thread that lists it every millisecond and writes down what it should
/// never have seen.
///
/// Of the expected files a look may show none or all. Each must have its full size the first time it is seen. Staging
/// (`.hotplate-…`) is not part of the view.
public final class DestinationLister: Sendable {
  public struct Sightings: Sendable {
    public var looks = 0
    /// Looks that showed all expected files.
    public var whole = 0
    /// One line for each look that showed some but not all, or a file of the wrong size.
    public var partial: [String] = []
  }

  private let sightings = Mutex(Sightings())
  private let ended = Atomic(false)
  private let stopped = DispatchSemaphore(value: 0)

  /// Starts looking.
  ///
  /// - Parameters:
  ///   - path: the destination's root.
  ///   - expected: what arrives there together, with its size in bytes.
  public init(_ path: String, expected: [RelativePath: Int]) throws {
    let root = try Descriptor.directory(at: path)
    let directories = Dictionary(grouping: expected, by: \.key.parent)
    Thread.detachNewThread { [self] in
      while !ended.load(ordering: .acquiring) {
        look(root, directories, count: expected.count)
        usleep(1000)
      }
      stopped.signal()
    }
  }

  /// What was seen until now.
  public var soFar: Sightings { sightings.withLock { $0 } }

  /// Stops looking and tells what was seen.
  public func stop() -> Sightings {
    ended.store(true, ordering: .releasing)
    stopped.wait()
    return soFar
  }

  private func look(
    _ root: Descriptor, _ directories: [RelativePath: [(key: RelativePath, value: Int)]], count: Int
  ) {
    // Sizes are looked at until all was there once: what came whole stays whole.
    let looksAtSizes = sightings.withLock { $0.whole == 0 }
    var seen = 0
    var problem: String?
    for (directory, files) in directories {
      // A directory that is not there yet shows none of its files.
      guard let open = try? root.openDirectory(directory), let entries = try? open.entries() else {
        continue
      }
      let names = Set(entries.map(\.name))
      for (path, size) in files where names.contains(path.name!) {
        seen += 1
        guard looksAtSizes else { continue }
        let found = (try? root.status(path))?.snapshot.size
        if found != size { problem = "\(path) had \(found ?? -1) of \(size) bytes" }
      }
    }
    if seen != 0 && seen != count { problem = "\(seen) of \(count) frames were there" }
    sightings.withLock {
      $0.looks += 1
      if seen == count { $0.whole += 1 }
      if let problem { $0.partial.append(problem) }
    }
  }
}
