import Foundation
import ReadModel
import TestSupport
import Testing

@testable import Pictures

/// Whether there is a tool, and which.
@Suite struct ToolTests {
  @Test func `without a tool the answer names the packages, and installing one helps at once`()
    async throws
  {
    try await inStudio { studio in
      let job = doneJob(try studio.make("a.exr"))
      let pictures = try studio.pictures(searchPath: studio.tools)
      let why = try #require(await answer(pictures, job).why)
      #expect(why.contains("neither oiiotool nor ffmpeg is installed"))
      #expect(why.contains("apt install openimageio-tools"))
      let view = try #require(await pictures.pictures(of: job).pictures.first)
      #expect(view.state == .unavailable)
      #expect(view.why == why)
      #expect(view.facts?.width == 64)

      try studio.install("exec \(oiiotool) \"$@\"")
      #expect(await pictures.pictures(of: job).pictures.map(\.state) == [.notMade])
      #expect(JPEGSize(try await pictures.picture(.first, of: job))?.width == 320)

      // And one that was removed is missed again.
      try FileManager.default.removeItem(atPath: "\(studio.tools)/oiiotool")
      let other = doneJob(try studio.make("b.exr"))
      #expect(await answer(pictures, other).why == why)
    }
  }

  @Test func `a movie wants ffmpeg, and is told so`() async throws {
    try await inStudio { studio in
      let path = "\(studio.frames)/a.mov"
      try FrameFactory.write(
        [0, 0, 0, 0x14] + Array("ftypqt  ".utf8) + [UInt8](repeating: 0, count: 64),
        to: Array(path.utf8))
      let pictures = try studio.pictures(searchPath: studio.tools)
      try studio.install("exec \(oiiotool) \"$@\"")
      let why = try #require(await answer(pictures, doneJob(path)).why)
      #expect(why.contains("apt install ffmpeg"))
      #expect(pictures.started == 0)
    }
  }

  @Test func `ffmpeg is taken where oiiotool is missing, with its demuxer named`() async throws {
    try await inStudio { studio in
      try studio.install(
        as: "ffmpeg",
        """
        printf '%s\\n' "$@" > \(studio.folder.path)/words
        exec \(oiiotool) -i frame.exr --resize 320x0 -o picture.jpg
        """)
      let pictures = try studio.pictures(searchPath: studio.tools)
      let job = doneJob(try studio.make("a.exr"))
      #expect(JPEGSize(try await pictures.picture(.first, of: job))?.width == 320)
      let words = try studio.text("words").split(separator: "\n").map(String.init)
      let input = try #require(words.firstIndex(of: "-i"))
      let demuxer = try #require(words.firstIndex(of: "-f"))
      #expect(words[demuxer + 1] == "image2")
      #expect(demuxer < input)
      #expect(words.contains("-nostdin"))
      #expect(words[input + 1] == "frame.exr")
    }
  }

  @Test func `what the tool makes counts only if it is a picture of the right size`() async throws {
    try await inStudio { studio in
      let job = doneJob(try studio.make("a.exr"))
      for script in [
        "exit 0", "echo hello > picture.jpg", "ln -s /etc/passwd picture.jpg",
        "mkfifo picture.jpg", "\(oiiotool) frame.exr --resize 321x0 -o picture.jpg",
        "head -c 2000000 /dev/zero > picture.jpg",
      ] {
        try studio.install(script)
        let pictures = try studio.pictures(searchPath: studio.tools)
        #expect(await answer(pictures, job).why == "oiiotool made no picture of it", "\(script)")
        #expect(try studio.kept() == [], "\(script)")
      }
    }
  }

  @Test func `what a tool says is bounded and safe to show`() async throws {
    try await inStudio { studio in
      try studio.install("printf 'it \\033[31mfails\\n' >&2; yes >&2")
      let pictures = try studio.pictures(searchPath: studio.tools)
      let why = try #require(await answer(pictures, doneJob(try studio.make("a.exr"))).why)
      #expect(why.contains("it \\x1b[31mfails"))
      #expect(why.count < 600)
    }
  }

  @Test func `nothing of the environment reaches the tool but what finds its libraries`()
    async throws
  {
    try await inStudio { studio in
      setenv("OCIO", "/studio/config.ocio", 1)
      defer { unsetenv("OCIO") }
      try studio.install("env > \(studio.folder.path)/env")
      let pictures = try studio.pictures(searchPath: studio.tools)
      _ = await answer(pictures, doneJob(try studio.make("a.exr")))
      let env = try studio.text("env")
      #expect(!env.contains("OCIO"))
      #expect(env.contains("HOTPLATE_PICTURE=\(getpid())-"))
    }
  }

  @Test func `the tool and what it starts are bounded in memory, time and output`()
    async throws
  {
    try await inStudio { studio in
      let place = studio.folder.path
      try studio.install(
        """
        trap 'exit 0' TERM
        ( setsid bash -c 'echo $$ > \(place)/early.new; mv \(place)/early.new \(place)/early; exec sleep 1000' & )
        echo $$ > \(place)/leader.new; mv \(place)/leader.new \(place)/leader
        sleep 1000 & wait
        """)
      let pictures = try studio.pictures(searchPath: studio.tools)
      let job = doneJob(try studio.make("a.exr"))
      let request = Task { await answer(pictures, job) }
      for name in ["leader", "early"] {
        try await awaitState("\(name) to be bounded") {
          guard studio.exists(name) else { return false }
          let id = try studio.text(name).trimmingCharacters(in: .whitespacesAndNewlines)
          let limits = try String(contentsOfFile: "/proc/\(id)/limits", encoding: .utf8)
          let bounds = [
            ("Max address space", 3 << 30), ("Max file size", 4 << 20), ("Max cpu time", 35),
            ("Max core file size", 0),
          ]
          return bounds.allSatisfy { (limit, bound) in
            limits.split(separator: "\n").contains {
              $0.hasPrefix(limit) && $0.contains(" \(bound) ")
            }
          }
        }
      }
      request.cancel()
      #expect(await request.value == .failure(.cancelled))
    }
  }
}
