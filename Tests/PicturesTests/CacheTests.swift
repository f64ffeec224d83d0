import Foundation
import ReadModel
import TestSupport
import Testing

@testable import Pictures

/// Pictures that were made before.
@Suite struct CacheTests {
  @Test func `a picture is made once, and is there after a restart`() async throws {
    try await inStudio { studio in
      let job = doneJob(try studio.make("a.exr"))
      let pictures = try studio.pictures()
      let first = try await pictures.picture(.first, of: job)
      #expect(await pictures.pictures(of: job).pictures.map(\.state) == [.ready])
      #expect(try await pictures.picture(.first, of: job) == first)
      #expect(pictures.started == 1)
      let again = try studio.pictures()
      #expect(await again.pictures(of: job).pictures.map(\.state) == [.ready])
      #expect(try await again.picture(.first, of: job) == first)
      #expect(again.started == 0)
    }
  }

  @Test func `a frame that was replaced has a new picture`() async throws {
    try await inStudio { studio in
      let job = doneJob(try studio.make("a.exr", gray(0.1)))
      let pictures = try studio.pictures()
      let dark = try await pictures.picture(.first, of: job)
      _ = try studio.make("a.exr", gray(0.9))
      #expect(await pictures.pictures(of: job).pictures.map(\.state) == [.notMade])
      #expect(try await pictures.picture(.first, of: job) != dark)
      #expect(pictures.started == 2)
    }
  }

  @Test func `only the owner may look into the directory`() async throws {
    try await inStudio { studio in
      // One that was there with other rights loses them.
      try FileManager.default.createDirectory(
        atPath: "\(studio.state)/pictures", withIntermediateDirectories: false,
        attributes: [.posixPermissions: 0o755])
      let pictures = try studio.pictures()
      _ = try await pictures.picture(.first, of: doneJob(try studio.make("a.exr")))
      let name = try #require(try studio.kept().first)
      for (path, mode) in [("", 0o700), ("/\(name)", 0o600)] {
        let attributes = try FileManager.default.attributesOfItem(
          atPath: "\(studio.state)/pictures\(path)")
        #expect(attributes[.posixPermissions] as? Int == mode)
      }
    }
  }

  @Test func `beyond the bound those go first that nobody asked for the longest`() async throws {
    try await inStudio { studio in
      let jobs = try (0..<3).map { doneJob(try studio.make("\($0).exr"), id: "job-\($0)") }
      let one = try await studio.pictures().picture(.first, of: jobs[0]).count
      let pictures = try studio.pictures(mostBytes: one * 5 / 2)
      _ = try await pictures.picture(.first, of: jobs[1])
      // Asked for again, so the second is now the oldest.
      _ = try await pictures.picture(.first, of: jobs[0])
      _ = try await pictures.picture(.first, of: jobs[2])
      #expect(pictures.started == 2)
      var states: [PictureState] = []
      for job in jobs { states += await pictures.pictures(of: job).pictures.map(\.state) }
      #expect(states == [.ready, .notMade, .ready])
      #expect(try studio.kept().count == 2)
    }
  }

  @Test func `a picture that was lost or is half there is made again`() async throws {
    try await inStudio { studio in
      let job = doneJob(try studio.make("a.exr"))
      let pictures = try studio.pictures()
      let picture = try await pictures.picture(.first, of: job)
      let path = "\(studio.state)/pictures/\(try #require(try studio.kept().first))"
      try Data(picture.prefix(picture.count / 2)).write(to: URL(filePath: path))
      #expect(try await pictures.picture(.first, of: job) == picture)
      try FileManager.default.removeItem(atPath: path)
      #expect(try await pictures.picture(.first, of: job) == picture)
      #expect(pictures.started == 3)
    }
  }

  @Test func `what a killed daemon left half done is gone after the next start`() async throws {
    try await inStudio { studio in
      let job = doneJob(try studio.make("a.exr"))
      _ = try await studio.pictures().picture(.first, of: job)
      let half = "\(studio.state)/pictures/making-1"
      try FileManager.default.createDirectory(
        atPath: half, withIntermediateDirectories: false)
      try "x".write(toFile: "\(half)/errors", atomically: true, encoding: .utf8)
      try "x".write(
        toFile: "\(studio.state)/pictures/a.jpg.new", atomically: true, encoding: .utf8)
      _ = try studio.pictures()
      #expect(try studio.kept().count == 1)
    }
  }
}
