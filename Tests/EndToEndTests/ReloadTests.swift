import Files
import Foundation
import Paths
import TestSupport
import Testing

/// The rule of ``rules(transfer:quiet:)`` with another top directory at the destination.
private func rules(to top: String) -> String {
  """
  hotplate: 1
  rules:
    - rule: renders
      match: '{shot}_v{version}.{frame}.exr'
      when: { count: 2+ }
      ready: { quiet: 200ms }
      to: '\(top)/{shot}/v{version:03d}/{shot}_v{version:03d}.{frame:04d}.exr'
      renumber: { first: 1001 }
  """
}

extension HotFolderTree {
  fileprivate var ruleFile: String { "\(rules)/10-test.yaml" }

  /// As editors and configuration management do: never half a file.
  fileprivate func replaceRules(_ text: String) throws {
    try text.write(toFile: "\(folder.path)/new.yaml", atomically: false, encoding: .utf8)
    guard rename("\(folder.path)/new.yaml", ruleFile) == 0 else { throw Failure("rename") }
  }
}

extension Promises {
  enum Edit: CaseIterable { case save, renameOver, newFile, swapDirectory }

  @Test(
    "saved rules are in force within 200 ms, for what lay there without a rule as well",
    arguments: Edit.allCases)
  func reload(by edit: Edit) async throws {
    try await inTemporaryFolder { folder in
      let none = """
        hotplate: 1
        rules:
          - rule: none
            match: 'nothing.{frame}.exr'
            to: '{name}'
        """
      let tree = try HotFolderTree(in: folder, rules: none)
      // The rules that the daemon is given are a symlink, as releases are.
      let link = "\(folder.path)/current"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "rules")
      let daemon = try Daemon(
        arguments: [
          "watch", "--in", tree.drop, "--to", tree.destination, "--rules", link, "--state",
          tree.state, "--no-listen",
        ], state: tree.state)
      folder.cleanUp { daemon.kill() }
      try daemon.waitUntilReady()
      try tree.shell("cp", "-r", "--", try tree.make("sh010", frames: 3, bytes: 100), tree.drop)
      try waitUntil("an arrival without a rule") {
        try daemon.hotplate(["arrivals"]).out.contains("no rule")
      }

      let start = ContinuousClock.now
      switch edit {
      case .save:
        try rules(to: "new").write(toFile: tree.ruleFile, atomically: false, encoding: .utf8)
      case .renameOver: try tree.replaceRules(rules(to: "new"))
      case .newFile:
        try rules(to: "new").replacingOccurrences(of: "renders", with: "more")
          .write(toFile: "\(tree.rules)/20-more.yaml", atomically: true, encoding: .utf8)
      case .swapDirectory:
        _ = try folder.makeDirectory("release2")
        try rules(to: "new").write(
          toFile: "\(folder.path)/release2/10.yaml", atomically: true, encoding: .utf8)
        symlink("release2", "\(folder.path)/next")
        rename("\(folder.path)/next", link)
      }
      try waitUntil("the new rules; \(daemon.errors)") {
        daemon.errors.contains("new rules are in force")
      }
      #expect(ContinuousClock.now - start < .milliseconds(200))
      try daemon.waitForJob(in: "done")
      #expect(try TreeDigest(of: "\(tree.destination)/new/sh010/v001").contents.count == 3)
    }
  }

  @Test(
    "a new file with a mistake stops neither the others nor their edits, now or after a restart")
  func brokenNewFile() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(to: "a"))
      var daemon = try tree.start()
      try "hotplate: 1\nrules:\n  - rule: x\n    tooo: y\n".write(
        toFile: "\(tree.rules)/20-new.yaml", atomically: true, encoding: .utf8)
      try waitUntil("the report") { daemon.errors.contains("unknown key 'tooo'") }
      try tree.replaceRules(rules(to: "b"))
      try waitUntil("the edit to count; \(daemon.errors)") {
        daemon.errors.contains("new rules are in force")
      }
      let first = try tree.passThrough(daemon, shot: "sh1")
      #expect(first.destination?.directory.hasPrefix("\(tree.destination)/b/") == true)
      try daemon.terminate()
      daemon = try tree.start()
      #expect(daemon.errors.contains("unknown key 'tooo'"))
      let second = try tree.passThrough(daemon, shot: "sh2")
      #expect(second.destination?.directory.hasPrefix("\(tree.destination)/b/") == true)
    }
  }

  @Test(
    "a rule that moves between files while one of them has a mistake stays in force, over a restart too"
  )
  func movedRule() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(to: "a"))
      var daemon = try tree.start()
      try rules(to: "a").write(
        toFile: "\(tree.rules)/20-moved.yaml", atomically: true, encoding: .utf8)
      try tree.replaceRules("hotplate: 1\nrules: [")
      try waitUntil("the report; \(daemon.errors)") {
        daemon.errors.contains("20-moved.yaml waits for the files above")
          || daemon.errors.contains("not closed")
      }
      for shot in ["sh1", "sh2"] {
        let job = try tree.passThrough(daemon, shot: shot)
        #expect(job.destination?.directory.hasPrefix("\(tree.destination)/a/") == true)
        if shot == "sh2" { break }
        try daemon.terminate()
        daemon = try tree.start()
      }
    }
  }

  @Test("a rule whose file is removed takes nothing any more, and takes again when it is back")
  func removedFile() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(to: "a"))
      try rules(to: "b").replacingOccurrences(of: "renders", with: "more")
        .replacingOccurrences(of: "'{shot}_v", with: "'other_{shot}_v")
        .write(toFile: "\(tree.rules)/20-more.yaml", atomically: true, encoding: .utf8)
      let daemon = try tree.start()
      try tree.shell("mv", "--", tree.ruleFile, "\(folder.path)/away.yaml")
      try waitUntil("the rules without it; \(daemon.errors)") {
        daemon.errors.contains("new rules are in force")
      }
      try tree.shell("cp", "-r", "--", try tree.make("sh010", frames: 3, bytes: 100), tree.drop)
      try waitUntil("an arrival without a rule") {
        try daemon.hotplate(["arrivals"]).out.contains("no rule")
      }
      try tree.shell("mv", "--", "\(folder.path)/away.yaml", tree.ruleFile)
      let job = try daemon.waitForJob(in: "done")
      #expect(job.destination?.directory.hasPrefix("\(tree.destination)/a/") == true)
    }
  }

  @Test(
    "a mistake is shown with its line and a caret, and the last good rules stay, over a restart too"
  )
  func mistakeWhileRunning() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(to: "good"))
      var daemon = try tree.start()
      try tree.replaceRules(rules(to: "bad").replacingOccurrences(of: "renumber", with: "renubmer"))
      for round in 1...2 {
        try waitUntil("the report; \(daemon.errors)") {
          daemon.errors.contains("10-test.yaml:8:5: error: unknown key 'renubmer'")
            && daemon.errors.contains("|     ^~~~~~~~ did you mean 'renumber'?")
            && daemon.errors.contains("the rule it held at")
        }
        let job = try tree.passThrough(daemon, shot: "sh\(round)")
        #expect(job.destination?.directory.hasPrefix("\(tree.destination)/good") == true)
        if round == 2 { break }
        try daemon.terminate()
        daemon = try tree.start()
      }
      try tree.replaceRules(rules(to: "better"))
      try waitUntil("the new rules") { daemon.errors.contains("new rules are in force") }
      let job = try tree.passThrough(daemon, shot: "sh3")
      #expect(job.destination?.directory.hasPrefix("\(tree.destination)/better") == true)
    }
  }

  @Test("editing the rules while a sequence comes every 100 ms loses and doubles nothing")
  func editUnderLoad() async throws {
    try await inTemporaryFolder { folder in
      let tree = try HotFolderTree(in: folder, rules: rules(to: "a"))
      let shots = (100..<140).map { "sh\($0)" }
      for shot in shots { _ = try tree.make(shot, frames: 5, bytes: 5000) }
      let daemon = try tree.start()
      let clock = ContinuousClock()
      let start = clock.now
      var edits = 0
      for (index, shot) in shots.enumerated() {
        // The load is what the promise says: one sequence each 100 ms, and edits between them.
        while clock.now < start + .milliseconds(100 * index) {
          edits += 1
          let text =
            edits % 5 == 4 ? "hotplate: 1\nrules: [" : rules(to: edits % 2 == 0 ? "a" : "b")
          if edits % 3 == 0 {
            try text.write(toFile: tree.ruleFile, atomically: false, encoding: .utf8)
          } else {
            try tree.replaceRules(text)
          }
          // The next edit follows when this one was read, or when the next sequence is due.
          let said = daemon.errors.utf8.count
          try waitUntil("the edit to be read") {
            daemon.errors.utf8.count > said || clock.now >= start + .milliseconds(100 * index)
          }
        }
        try tree.shell("cp", "-r", "--", "\(folder.path)/made/\(shot)", tree.drop)
      }
      try tree.replaceRules(rules(to: "a"))
      try waitUntil("all to be done; \(daemon.errors.suffix(2000))", within: .seconds(60)) {
        try daemon.jobs().filter { $0.state == "done" }.count >= shots.count
      }
      try tree.passThrough(daemon)

      let jobs = try daemon.jobs().filter { !$0.source.directory.hasSuffix("after") }
      #expect(jobs.filter { $0.state == "done" }.count == shots.count)
      let arrived = try TreeDigest(of: tree.destination).contents
      var places: Set<String> = []
      for shot in shots {
        let expected = tree.expectedContents(shot, frames: 5, bytes: 5000)
        let found = ["a", "b"].filter { top in
          let own = arrived.filter { $0.key.bytes.starts(with: "\(top)/\(shot)/".utf8) }
          #expect(own.isEmpty || Set(own.values) == Set(expected.values), "\(shot) in \(top)")
          return !own.isEmpty
        }
        #expect(found.count == 1, "\(shot) lies in \(found)")
        places.formUnion(found)
      }
      #expect(places == ["a", "b"], "the edits came too late to matter")
      #expect(edits > 20)
    }
  }

  @Test(
    "a delivery of several sequences is one job with members, and one half-way cancel takes it all back"
  )
  func deliveryAsOne() async throws {
    try await inTemporaryFolder { folder in
      let text = """
        hotplate: 1
        defaults: { together: '/{package}/', ready: { quiet: 300ms } }
        rules:
          - rule: frames
            match: '{shot}_{layer}_v{version}.{frame}.exr'
            to: '{package}/{shot}/{layer}/{name}'
          - rule: paper
            match: '*.txt'
            to: '{package}/paper/{below}'
        """
      let tree = try HotFolderTree(in: folder, rules: text)
      let package = try folder.makeDirectory("made/pkg")
      for layer in ["rgba", "z"] {
        try FrameFactory.sequence(in: "\(package)/\(layer)", frames: 1...20, bytes: 3_000_000) {
          "sh010_\(layer)_v1.\($0).exr"
        }
      }
      try FrameFactory.write(seed: 7, bytes: 100, to: "\(package)/notes.txt")
      let daemon = try tree.start()
      try tree.shell("cp", "-r", "--", package, tree.drop)
      try waitUntil("a few frames in staging; \(daemon.errors)") { tree.stagedFiles() >= 3 }
      try tree.touch("pkg/.cancel")
      let cancelled = try daemon.waitForJob(in: "cancelled")
      try waitUntil("no trace") { tree.hasNoTrace() }
      #expect(try TreeDigest(of: tree.destination).entries.isEmpty)

      try tree.shell("rm", "--", "\(tree.drop)/pkg/.cancel")
      let job = try daemon.waitForJob(in: "done") {
        $0.id != cancelled.id && $0.state != "cancelled"
      }
      #expect(job.frames.published == 41)
      let detail = try daemon.hotplate(["show", job.id, "--json"]).out
      let members = try JSONSerialization.jsonObject(with: Data(detail.utf8)) as? [String: Any]
      #expect((members?["members"] as? [Any])?.count == 3)
      #expect((members?["source"] as? [String: Any])?["pattern"] is NSNull)
      let arrived = try TreeDigest(of: "\(tree.destination)/pkg").contents
      #expect(arrived.count == 41)
      #expect(
        Set(arrived.values) == Set(try TreeDigest(of: package).contents.values))
    }
  }
}
