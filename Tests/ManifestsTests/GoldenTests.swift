import Paths
import Testing

@testable import Manifests

@Suite("The golden tables")
struct GoldenTests {
  @Test("a manifest is read as the table says, or refused in its words", arguments: GoldenCase.all)
  func golden(_ one: GoldenCase) throws {
    let name = FileName(one.manifest)
    do throws(ManifestError) {
      let manifest = try Manifest.parse(one.bytes, named: name)
      #expect(manifest.entries.map(GoldenCase.Entry.init) == one.entries)
      #expect(manifest.references.map(\.description) == one.references ?? [])
      if let directory = one.directory.flatMap({ RelativePath($0) }) {
        let start = manifest.directory(whenAt: directory.appending(name))
        #expect(start.description == one.speaksOf ?? one.directory)
      }
      #expect(one.mistake == nil)
    } catch {
      #expect(error.description == one.mistake)
    }
  }

  @Test("a manifest of lines cut anywhere is refused, or every path but the last is whole")
  func cutLines() throws {
    let text = Array(
      """
      900150983cd24fb0d6963f7d28e17f72  a/one.exr
      \\900150983cd24fb0d6963f7d28e17f72  b\\\\two.exr
      MD5 (c/three.exr) = 900150983cd24fb0d6963f7d28e17f72
      900150983cd24fb0d6963f7d28e17f72 *d/four.exr

      """.utf8)
    let whole = try Manifest.parse(text, named: "x.md5").entries
    #expect(whole.count == 4)
    for length in 0..<text.count {
      do throws(ManifestError) {
        let entries = try Manifest.parse(Array(text[..<length]), named: "x.md5").entries
        #expect(entries.dropLast().elementsEqual(whole.prefix(max(0, entries.count - 1))))
        let last = entries[entries.count - 1]
        let listed = whole[entries.count - 1]
        #expect(last.checksum == listed.checksum)
        #expect(listed.path.bytes.starts(with: last.path.bytes))
      } catch {
        #expect(error.mayBeHalfWritten, "\(length): \(error)")
      }
    }
  }

  @Test("a hash list cut anywhere is refused as half written")
  func cutList() throws {
    let lists = GoldenCase.all.filter { $0.manifest.hasSuffix(".mhl") && $0.mistake == nil }
    #expect(lists.count == 6)
    for one in lists {
      let end = try #require(one.bytes.lastIndex(of: UInt8(ascii: ">")))
      for length in 0..<end {
        let error = #expect(throws: ManifestError.self) {
          try Manifest.parse(Array(one.bytes[..<length]), named: FileName(one.manifest))
        }
        #expect(error?.mayBeHalfWritten == true, "\(one.name) at \(length): \(error!)")
      }
    }
  }

  @Test("hash lists are read on several threads at once")
  func threads() async throws {
    let lists = GoldenCase.all.filter { $0.manifest.hasSuffix(".mhl") }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for one in lists + lists + lists {
            let read = Result { try Manifest.parse(one.bytes, named: FileName(one.manifest)) }
            #expect((try? read.get().entries.map(GoldenCase.Entry.init)) == one.entries)
          }
        }
      }
      try await group.waitForAll()
    }
  }
}
