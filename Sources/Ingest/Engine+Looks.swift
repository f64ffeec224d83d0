import Files
import Foundation
import Journal
import Paths
import Watching

extension Engine {
  /// Begins the looks that were asked for: each directory once, whatever number of arrivals asks about it.
  func startLooks() {
    let asked = looks
    looks = []
    var inOne: [Place: [AskedLook]] = [:]
    for look in asked {
      if look.key.isDelivery {
        Task {
          do {
            inbox.post(
              .inspected(
                look.key, asOf: look.change, try await runner.inspector.inspection(for: look)))
          } catch {
            fail(error)
          }
        }
      } else {
        inOne[look.key.directory, default: []].append(look)
      }
    }
    for (directory, asked) in inOne {
      Task {
        do {
          let wanted = Dictionary(
            asked.flatMap(\.wanted).map { ($0.path.name!, $0) }, uniquingKeysWith: { $1 })
          let found = try await runner.inspector.look(at: wanted, in: directory)
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
    if said[waiting.id] == text { return }
    if said.count > 10_000 { said = [:] }
    said[waiting.id] = text
    runner.tellStop(
      isHeld ? "held" : "waits", waiting.metadata, reason, level: isHeld ? .warning : .info)
  }
}
