import Files
import Foundation
import Paths
import Watching

/// One look that was asked for, and as of which change of its arrival.
struct AskedLook: Sendable {
  let key: Arrival.Key
  let change: Int
  let wanted: [WantedLook]
}

extension Engine {
  /// Begins the looks that were asked for: each directory once, whatever number of arrivals asks about it.
  func startLooks() {
    let asked = looks
    looks = []
    var inOne: [Place: [AskedLook]] = [:]
    for look in asked {
      if look.key.isDelivery {
        Task { await answer(look) }
      } else {
        inOne[look.key.directory, default: []].append(look)
      }
    }
    for (directory, asked) in inOne {
      Task {
        do {
          let wanted = Dictionary(
            asked.flatMap(\.wanted).map { ($0.path.name!, $0) }, uniquingKeysWith: { $1 })
          let found = try await inspector.look(at: wanted, in: directory)
          for look in asked {
            var inspection = Inspection()
            inspection.add(found, only: Set(look.wanted.map { $0.path.name! }), below: .root)
            inbox.post(.inspected(look.key, asOf: look.change, inspection))
          }
        } catch {
          fail(error)
        }
      }
    }
  }

  /// Says in the log why an arrival does not go, once for each reason.
  func tell(_ waiting: WaitingJob, _ reason: Reason, _ isHeld: Bool) {
    let text = "\(isHeld ? "held" : "waits"): \(reason.message)"
    if told[waiting.id] == text { return }
    if told.count > 10_000 { told = [:] }
    told[waiting.id] = text
    let source = waiting.source
    log.log(
      level: isHeld ? .warning : .info, "\(text)",
      metadata: [
        "job": "\(waiting.id)", "rule": "\(waiting.rule ?? "-")",
        "source":
          "\(shown(source.directory.bytes))/\(source.pattern.map { shown($0.bytes) } ?? "")",
      ])
  }

  /// A delivery's files lie in many directories; one answer for all of them.
  private func answer(_ look: AskedLook) async {
    var inspection = Inspection()
    let byDirectory = Dictionary(grouping: look.wanted) { $0.path.parent }
    for (directory, wanted) in byDirectory {
      let names = Dictionary(
        wanted.map { ($0.path.name!, $0) }, uniquingKeysWith: { $1 })
      let place = Place(root: look.key.directory.root, path: look.key.path(directory))
      do {
        let found = try await inspector.look(at: names, in: place)
        inspection.add(found, only: Set(names.keys), below: directory)
      } catch {
        return fail(error)
      }
    }
    inbox.post(.inspected(look.key, asOf: look.change, inspection))
  }
}

extension Inspection {
  package mutating func add(
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
