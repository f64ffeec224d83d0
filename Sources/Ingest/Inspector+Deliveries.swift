import Files
import Foundation
import Journal
import Paths
import Watching

/// One look that was asked for, and as of which change of its arrival.
package struct AskedLook: Sendable {
  let key: Arrival.Key
  let change: Int
  let wanted: [WantedLook]

  package init(key: Arrival.Key, change: Int, wanted: [WantedLook]) {
    self.key = key
    self.change = change
    self.wanted = wanted
  }
}

extension Inspector {
  /// A delivery's files lie in many directories; one answer for all of them.
  package func inspection(for look: AskedLook) async throws(JournalError) -> Inspection {
    var inspection = Inspection()
    for (directory, wanted) in Dictionary(grouping: look.wanted, by: \.path.parent) {
      let names = Dictionary(wanted.map { ($0.path.name!, $0) }, uniquingKeysWith: { $1 })
      let place = Place(root: look.key.directory.root, path: look.key.path(directory))
      inspection.add(
        try await self.look(at: names, in: place), only: Set(names.keys), below: directory)
    }
    return inspection
  }
}

extension Inspection {
  mutating func add(
    _ found: Inspector.DirectoryLook, only names: Set<FileName>, below directory: RelativePath
  ) {
    for name in names {
      let path = directory.appending(name)
      looks[path] = found.looks[name]
      failures[path] = found.failures[name]
      if found.gone.contains(name) { gone.insert(path) }
    }
  }
}
