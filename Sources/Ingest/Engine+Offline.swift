import Files
import Foundation
import Paths
import Transfer
import Watching

extension Engine {
  /// Nothing of the hot folder is told any more until it is back.
  func leave(_ root: Int) {
    let watcher = watcher
    let place = Place(root: root, path: .root)
    log.warning("\(shown(intake.absolute(place))) \(intake.offline[root] ?? "is away")")
    // Before a new watch may stand, or this would take that one away.
    departures[root] = Task { await watcher.unwatch(root: root) }
  }

  /// Looks whether the hot folders are there, one look at a time; a server that does not answer holds up only this.
  func seek() {
    guard !isSeeking else { return }
    isSeeking = true
    Task {
      defer { isSeeking = false }
      for index in configuration.hotFolders.indices {
        let why = await threads.run { [presence = runner.presence] in
          presence.absence(of: .hotFolder(index))
        }
        if let why {
          // What is said already of one that was removed says more.
          if intake.offline[index] == nil { inbox.post(.away(index, why)) }
        } else if intake.offline[index] != nil {
          await bringBack(index)
        }
      }
    }
  }

  private func bringBack(_ index: Int) async {
    let hotFolder = configuration.hotFolders[index]
    // Nothing that an earlier watch tells may come after `back`.
    await departures.removeValue(forKey: index)?.value
    do {
      try configuration.lock(hotFolder)
      try await runner.reopen(index)
    } catch {
      return inbox.post(.away(index, "is kept out: \(error)"))
    }
    log.notice("\(hotFolder.path) is back")
    inbox.post(.back(index))
    do {
      try await watcher.watch(
        root: index, at: hotFolder.path, expecting: runner.presence.expected(.hotFolder(index)))
    } catch {
      inbox.post(.away(index, "cannot be watched: \(error)"))
    }
  }
}
