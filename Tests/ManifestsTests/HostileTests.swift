import Glibc
import Paths
import TestSupport
import Testing

@testable import Manifests

@Suite("Hostile manifests")
struct HostileTests {
  /// The promise is 100 ms for 1 MiB; an unoptimised build on a busy machine gets more.
  private func problem(
    _ bytes: [UInt8], named name: FileName = "x.md5", within most: Duration = .seconds(3)
  ) -> ManifestError.Problem? {
    var found: ManifestError.Problem?
    let time = processorTime {
      do throws(ManifestError) {
        _ = try Manifest.parse(bytes, named: name)
      } catch {
        found = error.problem
        #expect(error.description.utf8.count < 2000)
      }
    }
    #expect(time < most)
    return found
  }

  @Test("random bytes end in an answer, soon")
  func noise() {
    var generator = SeededNumbers(seed: seed)
    for _ in 0..<200 {
      let count = Int.random(in: 0...2000, using: &generator)
      _ = problem((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }
    let mebibyte = (0..<(1 << 17)).flatMap { _ in
      withUnsafeBytes(of: generator.next()) { Array($0) }
    }
    _ = problem(mebibyte)
    _ = problem(Array("<hashlist version='1.1'>".utf8) + mebibyte + Array(">".utf8))
  }

  @Test("a manifest with bytes changed, taken out or doubled ends in an answer")
  func mutations() {
    var generator = SeededNumbers(seed: seed &+ 1)
    let cases = GoldenCase.all.filter { !$0.bytes.isEmpty }
    for _ in 0..<3000 {
      let one = cases.randomElement(using: &generator)!
      var bytes = one.bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        let at = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[at] = "<>&;\\/ ()=\n\0'\"".utf8.randomElement(using: &generator)!
        case 2: bytes.removeSubrange(at..<min(bytes.count, at + 20))
        default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 20)], at: at)
        }
      }
      _ = problem(bytes, named: FileName(one.manifest))
    }
  }

  @Test("a megabyte of one line, of short lines, of slashes or of digits ends in an answer")
  func megabytes() {
    let digits = "900150983cd24fb0d6963f7d28e17f72"
    func repeated(_ text: String) -> [UInt8] {
      Array(String(repeating: text, count: (1 << 20) / text.utf8.count).utf8)
    }
    #expect(problem(repeated("9")) == .checksumLength(digits: 1 << 20, expected: [.md5]))
    #expect(problem(repeated("\n")) == .nothingListed)
    #expect(problem(repeated("(")) == .notALine)
    #expect(problem(repeated("MD5 (a) = ")) == .checksumLength(digits: 0, expected: [.md5]))
    #expect(problem(Array("\(digits)  ".utf8) + repeated("a/")) != nil)
    #expect(problem(Array("\(digits)  ".utf8) + repeated("../")) != nil)
    #expect(problem(Array("\(digits)  a".utf8) + repeated("/b")) == nil)
    #expect(problem(repeated("\(digits)  a\n")) == nil)
    #expect(problem(repeated("\(digits)  a.exr\r\n")) == nil)
  }

  @Test("a hash list of a megabyte is read")
  func largeList() throws {
    let entry =
      "<hash><file>a</file><size>3</size><md5>900150983cd24fb0d6963f7d28e17f72</md5></hash>\n"
    let count = (1 << 20) / entry.utf8.count
    let text = "<hashlist version='1.1'>\n\(String(repeating: entry, count: count))</hashlist>\n"
    #expect(problem(Array(text.utf8)) == nil)
    let manifest = try Manifest.parse(Array(text.utf8), named: "x.mhl")
    #expect(manifest.entries.count == count)
    #expect(manifest.entries.last?.line == count + 1)
  }

  @Test("more than 64 MiB are refused before they are looked at")
  func tooLarge() {
    let bytes = [UInt8](repeating: UInt8(ascii: "\n"), count: Manifest.maximumSize + 1)
    #expect(problem(bytes, within: .milliseconds(100)) == .tooLarge(bytes: bytes.count))
  }

  @Test("a depth of 100,000, a tag of a megabyte and a text of a megabyte are refused")
  func bombs() {
    let deep = String(repeating: "<a>", count: 100_000)
    #expect(problem(Array("<hashlist>\(deep)".utf8)) == .tooDeep)
    let attributes = (0..<100_000).map { " a\($0)=''" }.joined()
    #expect(problem(Array("<hashlist\(attributes)></hashlist>".utf8)) == .longTag)
    let name = String(repeating: "a", count: 1 << 20)
    #expect(problem(Array("<hashlist><hash><file>\(name)</file>".utf8)) == .longTag)
    // As many attributes as a tag may have, in tag after tag.
    let full = "<a" + (0..<3000).map { " a\($0)=''" }.joined() + "/>"
    #expect(full.utf8.count < HashListReader.maximumTag)
    let many = String(repeating: full, count: (1 << 20) / full.utf8.count)
    #expect(problem(Array("<hashlist>\(many)</hashlist>".utf8)) == .nothingListed)
  }

  @Test("an outside entity is never opened")
  func externalEntity() {
    let text = """
      <!DOCTYPE hashlist [<!ENTITY x SYSTEM "file:///etc/hostname">]>
      <hashlist version='1.1'><hash><file>&x;</file></hash></hashlist>
      """
    #expect(problem(Array(text.utf8)) == .documentType)
  }
}

private func processorTime(_ body: () -> Void) -> Duration {
  func now() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
  let start = now()
  body()
  return now() - start
}
