import Files
import Foundation
import Glibc
import Manifests
import Paths
import Transfer
import Watching

extension Engine {
  /// Holds what manifests list against what lies there. It reads every listed file once; a change stops it.
  func prove(
    _ key: Arrival.Key, asOf change: Int, _ manifests: [RelativePath], _ files: Set<RelativePath>
  ) {
    proofs.removeValue(forKey: key)?.raise()
    let stop = StopFlag()
    proofs[key] = stop
    let proof = ManifestProof(
      root: configuration.hotFolders[key.directory.root].path, key: key, files: files, stop: stop)
    let (threads, inbox) = (proofThreads, inbox)
    Task {
      let result = await threads.run { proof.proof(of: manifests) }
      inbox.post(.proven(key, asOf: change, result))
    }
  }
}

/// One look through everything that some manifests list.
private struct ManifestProof: Sendable {
  let root: String
  let key: Arrival.Key
  let files: Set<RelativePath>
  let stop: StopFlag

  func proof(of manifests: [RelativePath]) -> Proof {
    var isListed = false
    for path in manifests {
      do {
        // One in a flat folder may list other sequences only, and then says nothing of this one.
        guard let finding = try finding(in: path) else { continue }
        isListed = true
        if let wrong = finding { return .wrong(wrong) }
      } catch CheckError.stopped {
        return .stopped
      } catch {
        return .wrong("\(path): \(error)")
      }
    }
    if isListed { return .right }
    return .wrong("no manifest lists it: \(manifests.map(\.description).joined(separator: ", "))")
  }

  /// - Returns: nil if it lists nothing of the arrival; else what is wrong, if anything is.
  private func finding(in path: RelativePath) throws -> String?? {
    let root = try Descriptor.directory(at: root)
    let file = try root.open(path, O_RDONLY | O_NONBLOCK)
    let manifest = try Manifest.parse(try contents(of: file), named: path.name!)
    let place = manifest.directory(whenAt: path)
    let entries = manifest.entries.filter { concerns(place.appending($0.path)) }
    if entries.isEmpty { return nil }
    let stop = stop
    let check = ManifestCheck(
      in: try root.openDirectory(place), isStopped: { stop.isRaised })
    let findings = try check.findings(entries)
    guard let first = findings.first.first else { return .some(nil) }
    let more = findings.count > 1 ? ", and \(findings.count - 1) more" : ""
    return .some("\(path): \(first)\(more)")
  }

  /// A delivery's manifest speaks of all it lists; one beside a sequence only of that sequence's names.
  private func concerns(_ path: RelativePath) -> Bool {
    guard case .sequence(_, let head, let tail, _) = key.kind else { return true }
    guard path.parent == key.directory.path, let name = path.name?.bytes else { return false }
    return files.contains(path)
      || name.count > head.count + tail.count && name.starts(with: head) && name.ends(with: tail)
  }

  private func contents(of file: Descriptor) throws -> [UInt8] {
    let size = try file.status().snapshot.size
    guard size <= Manifest.maximumSize else {
      throw PlanError(message: "a manifest of \(size) bytes is no manifest")
    }
    var bytes = [UInt8](repeating: 0, count: size)
    var count = 0
    while count < size {
      let read = try bytes[count...].withUnsafeMutableBytes { (buffer) throws(SystemError) in
        try file.read(into: buffer, at: count)
      }
      if read == 0 { break }
      count += read
    }
    return Array(bytes.prefix(count))
  }
}
