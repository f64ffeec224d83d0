import Files
import Foundation
import Paths
import ReadModel
import TestSupport
import Testing

@testable import Pictures

/// Real frames through the real tool.
@Suite struct PictureTests {
  @Test(arguments: ["exr", "dpx", "png", "tif", "jpg", "tga", "hdr", "sgi"])
  func `a frame of each format gives a picture of 320 pixels`(suffix: String) async throws {
    try await inStudio { studio in
      let path = try studio.make("a.\(suffix)")
      let pictures = try studio.pictures()
      let jpeg = try #require(JPEGSize(try await pictures.picture(.first, of: doneJob(path))))
      #expect(jpeg.width == 320)
      #expect(jpeg.height == 180)
      #expect(try studio.kept().count == 1)
      #expect(markedProcesses() == [])
    }
  }

  @Test(arguments: [
    "a.####.exr", "a.%04d.exr", "a.@@.exr", "-o.exr", "--help.exr", "a\nb.exr",
    "a'\"$(touch x)`.exr",
    "a\u{1B}[31m.exr", "a b.exr", "a:type=half.exr", "all.%V.exr", "A.EXR", "ä.exr",
  ])
  func `no name of a frame means anything to the tool`(name: String) async throws {
    try await inStudio { studio in
      let content = Array(try Data(contentsOf: URL(filePath: try studio.make("plain.exr"))))
      try await expectPicture(content, Array(name.utf8), studio)
    }
  }

  @Test func `a name that is not UTF-8 has a picture, and so has one of 255 bytes in a deep place`()
    async throws
  {
    try await inStudio { studio in
      let content = Array(try Data(contentsOf: URL(filePath: try studio.make("plain.exr"))))
      try await expectPicture(content, [0xff, 0xfe] + Array(".exr".utf8), studio)
      let long = [UInt8](repeating: 0x61, count: 251) + Array(".exr".utf8)
      try await expectPicture(content, long, studio)
    }
  }

  private func expectPicture(_ content: [UInt8], _ name: [UInt8], _ studio: Studio) async throws {
    let path = Array("\(studio.frames)/".utf8) + name
    try FrameFactory.write(content, to: path)
    let pictures = try studio.pictures()
    let jpeg = JPEGSize(try await pictures.picture(.first, of: doneJob([path])))
    #expect(jpeg?.width == 320)
  }

  @Test func `a path longer than the kernel takes at once is opened all the same`() async throws {
    try await inStudio { studio in
      let content = Array(try Data(contentsOf: URL(filePath: try studio.make("plain.exr"))))
      var place = try Descriptor.directory(at: studio.frames)
      var path = studio.frames
      let name = String(repeating: "d", count: 200)
      for _ in 0..<25 {
        let part = try #require(RelativePath(name))
        try place.makeDirectory(part)
        place = try place.openDirectory(part)
        path += "/\(name)"
      }
      let file = try place.open(
        try #require(RelativePath("a.exr")), O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      try content.withUnsafeBytes { try file.write($0, at: 0) }
      #expect(path.utf8.count > Int(PATH_MAX))
      let picture = try await studio.pictures().picture(.first, of: doneJob("\(path)/a.exr"))
      #expect(JPEGSize(picture)?.width == 320)
    }
  }

  @Test func `light in an EXR is shown as a screen wants it, other formats as they are`()
    async throws
  {
    try await inStudio { studio in
      let pictures = try studio.pictures()
      // 0.2 in linear light is 124 of 255 in sRGB (IEC 61966-2-1).
      let exr = try await pictures.picture(.first, of: doneJob(try studio.make("a.exr", gray(0.2))))
      #expect(try brightness(exr, studio).rounded() == 124)
      let png = try await pictures.picture(
        .first, of: doneJob(try studio.make("a.png", gray(0.2)), id: "b"))
      #expect(try brightness(png, studio).rounded() == 51)
    }
  }

  @Test func `an EXR of many layers or parts shows its colours, a deep one is merged`()
    async throws
  {
    try await inStudio { studio in
      let colour = gray(0.2)
      let black = ["--create", "64x36", "1", "-d", "half"]
      let made = [
        "layers.exr": colour + ["--ch", "N.X=1,beauty.R=R,beauty.G=G,beauty.B=B,Z=9"],
        "parts.exr": black + ["--chnames", "Z"] + colour + ["--siappend"],
        "deep.exr": colour + ["--ch", "R,G,B,A=1,Z=1", "--deepen"],
        "alpha.exr": colour + ["--ch", "R,G,B,A=1"],
        "gray.exr": colour + ["--ch", "R", "--chnames", "Y"],
        "odd.exr": colour + ["--ch", "R", "--chnames", "a=b:c d"],
        "window.exr": colour + ["--origin", "+8-4"],
      ]
      let pictures = try studio.pictures()
      for (name, words) in made {
        let job = doneJob(try studio.make(name, words), id: name)
        let picture = try await pictures.picture(.first, of: job)
        #expect(JPEGSize(picture)?.width == 320, "\(name)")
        if name != "window.exr" {
          #expect(try brightness(picture, studio).rounded() == 124, "\(name)")
        }
      }
    }
  }

  /// The mean over all pixels, of 255.
  private func brightness(_ jpeg: [UInt8], _ studio: Studio) throws -> Double {
    let path = "\(studio.folder.path)/look.jpg"
    try Data(jpeg).write(to: URL(filePath: path))
    let said = try Command.run(["oiiotool", "--stats", path]).out
    let line = try #require(said.split(separator: "\n").first { $0.contains("Stats Avg:") })
    let words = line.split(separator: " ")
    return try #require(Double(words[2]))
  }

  @Test func `a link published in place of a frame shows its source`() async throws {
    try await inStudio { studio in
      let source = try studio.make("source.exr")
      let link = "\(studio.frames)/a.exr"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: source)
      let pictures = try studio.pictures()
      let job = doneJob(
        [Array(link.utf8)], methods: ["symlink"], sources: [Array(source.utf8)])
      #expect(JPEGSize(try await pictures.picture(.first, of: job))?.width == 320)
      // Where none was published, a symlink is one that somebody put there.
      #expect(await answer(pictures, doneJob(link)).why == "a symlink is in its place now")
    }
  }

  @Test func `what is no frame any more is refused with a reason, and nothing hangs`()
    async throws
  {
    try await inStudio { studio in
      let pictures = try studio.pictures()
      let gone = "\(studio.frames)/gone.exr"
      #expect(await answer(pictures, doneJob(gone)).why == "it is not there any more")
      let fifo = try studio.fifo("shows/fifo.exr")
      #expect(
        await answer(pictures, doneJob(fifo)).why == "what is in its place now is not a file")
      let text = "\(studio.frames)/text.exr"
      try "#EXTM3U\n/etc/passwd\n".write(toFile: text, atomically: true, encoding: .utf8)
      #expect(await answer(pictures, doneJob(text)).why == "it does not begin like a picture")
      let view = await pictures.pictures(of: doneJob(gone)).pictures
      #expect(view.map(\.state) == [.unavailable])
      #expect(view.map(\.why) == ["it is not there any more"])
      #expect(pictures.started == 0)
    }
  }

  @Test func `a damaged frame is refused in the tool's words, and not tried again`() async throws {
    try await inStudio { studio in
      let whole = try Data(
        contentsOf: URL(filePath: try studio.make("whole.exr", gray(0.5, "640x360"))))
      let path = "\(studio.frames)/cut.exr"
      try whole.prefix(whole.count / 2).write(to: URL(filePath: path))
      let pictures = try studio.pictures()
      let job = doneJob(path)
      #expect(await pictures.pictures(of: job).pictures.map(\.state) == [.notMade])
      let why = try #require(await answer(pictures, job).why)
      #expect(why.hasPrefix("oiiotool cannot read it: read"))
      #expect(await answer(pictures, job).why == why)
      #expect(pictures.started == 1)
      let view = await pictures.pictures(of: job).pictures
      #expect(view.map(\.state) == [.unavailable])
      #expect(view.map(\.why) == [why])
      #expect(try studio.kept() == [])
      // Sent again, it is another file.
      try FileManager.default.removeItem(atPath: path)
      try whole.write(to: URL(filePath: path))
      #expect(JPEGSize(try await pictures.picture(.first, of: job))?.width == 320)
    }
  }

  @Test
  func `a picture that wants more memory than it may have is refused, and so is a hollow claim`()
    async throws
  {
    try await inStudio { studio in
      // 400 KB on disk, 432 MB as the tool calculates.
      let path = try studio.make("big.tif", gray(0.5, "6000x6000") + ["-d", "uint8"])
      let bounded = try studio.pictures(Child.Limits(memory: 700 << 20))
      let why = try #require(await answer(bounded, doneJob(path)).why)
      #expect(why.hasPrefix("oiiotool "))
      let hollow = try studio.make("a.tga")
      // Width and height stand in bytes 12 to 15 of the header.
      let header = Array(try Data(contentsOf: URL(filePath: hollow)).prefix(12))
      try FrameFactory.overwrite(header + [0xff, 0xff, 0xff, 0xff], in: hollow)
      #expect(await answer(bounded, doneJob(hollow)).why?.hasPrefix("oiiotool ") == true)
    }
  }
}
