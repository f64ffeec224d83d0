import Files
import Foundation
import Glibc
import Paths
import Synchronization
import TestSupport
import Testing

@testable import Manifests

@Suite("Holding a manifest against files")
struct CheckTests {
  @Test("missing, wrong in size, wrong in bytes and no file: all are told, cheap ones first")
  func allFindings() async throws {
    try await inTemporaryFolder { folder in
      let delivery = try Delivery(folder)
      try delivery.write(Array("abd".utf8), path("broken"))
      try delivery.write(abc, path("whole"))
      try delivery.write(Array("abcd".utf8), path("long"))
      try delivery.directory.makeDirectory(path("folder"))
      let list = """
        <hashlist version='1.1'>
        <hash><file>broken</file><size>3</size><md5>\(abcMD5)</md5></hash>
        <hash><file>whole</file><size>3</size><md5>\(abcMD5)</md5></hash>
        <hash><file>long</file><size>3</size><md5>\(abcMD5)</md5></hash>
        <hash><file>gone</file><size>3</size><md5>\(abcMD5)</md5></hash>
        <hash><file>whole/below</file><size>3</size><null/></hash>
        <hash><file>folder</file><size>3</size><null/></hash>
        <hash><file>\(String(repeating: "n", count: 300))</file><size>3</size><null/></hash>
        </hashlist>
        """
      let findings = try delivery.findings(list, named: "x.mhl")
      #expect(
        findings.first == [
          .size(path("long"), is: 4, should: 3), .missing(path("gone")),
          .missing(path("whole/below")), .notAFile(path("folder")),
          .missing(path(String(repeating: "n", count: 300))), .checksum(path("broken"), .md5),
        ])
      #expect(findings.count == 6)
    }
  }

  @Test("no symlink is followed, at the end or on the way, and a FIFO is not opened")
  func notFiles() async throws {
    try await inTemporaryFolder { folder in
      let delivery = try Delivery(folder)
      try delivery.write(abc, path("real/file"))
      symlink("real/file", "\(folder.path)/link")
      symlink("real", "\(folder.path)/way")
      symlink("nowhere", "\(folder.path)/dangling")
      symlink("/dev/zero", "\(folder.path)/zero")
      mkfifo("\(folder.path)/fifo", 0o644)
      let names = ["link", "way/file", "dangling", "zero", "fifo"]
      let lines = (["real/file"] + names).map { "\(abcMD5)  \($0)\n" }.joined()
      let findings = try delivery.findings(lines)
      #expect(findings.first == names.map { .notAFile(path($0)) })
    }
  }

  @Test("a FIFO that takes a file's place after the first look does not hang")
  func swapped() async throws {
    try await inTemporaryFolder { folder in
      let delivery = try Delivery(folder)
      try delivery.write(abc, path("a"))
      try delivery.write(abc, path("b"))
      let target = "\(folder.path)/b"
      // The first chunk read is of a; b has been looked at by then.
      let check = ManifestCheck(
        in: delivery.directory,
        didRead: { _ in
          unlink(target)
          mkfifo(target, 0o644)
        })
      let lines = "\(abcMD5)  a\n\(abcMD5)  b\n"
      let entries = try Manifest.parse(Array(lines.utf8), named: "x.md5").entries
      #expect(try check.findings(entries).first == [.notAFile(path("b"))])
    }
  }

  @Test("a file that cannot be read is the system's failure, not the delivery's")
  func unreadable() throws {
    // A regular file to statx(2) whose first page is never mapped.
    let check = ManifestCheck(in: try Descriptor.directory(at: "/proc/self"))
    let entry = Manifest.Entry(
      path: path("mem"), checksum: Checksum(.xxh32, hexadecimal: "00000000".utf8), size: nil,
      line: 1)
    #expect(
      throws: CheckError.system(
        SystemError("pread", "/proc/self/mem at byte 0", errno: .inputOutput))
    ) {
      try check.findings([entry])
    }
  }

  @Test("a check stops at the next chunk, and tells each byte it read")
  func stops() async throws {
    try await inTemporaryFolder { folder in
      let delivery = try Delivery(folder)
      let size = 3 << 20
      try delivery.write([UInt8](repeating: 0, count: size), path("a"))
      let entry = Manifest.Entry(
        path: path("a"), checksum: Checksum(.xxh64, hexadecimal: "0000000000000000".utf8),
        size: size, line: 1)
      let read = Atomic(0)
      let whole = ManifestCheck(
        in: delivery.directory, didRead: { read.add($0, ordering: .relaxed) })
      #expect(try whole.finding(entry) == .checksum(path("a"), .xxh64))
      #expect(read.load(ordering: .relaxed) == size)

      read.store(0, ordering: .relaxed)
      let stopped = ManifestCheck(
        in: delivery.directory, isStopped: { read.load(ordering: .relaxed) > 0 },
        didRead: { read.add($0, ordering: .relaxed) })
      #expect(throws: CheckError.stopped) { try stopped.finding(entry) }
      #expect(read.load(ordering: .relaxed) == 1 << 20)
      read.store(1, ordering: .relaxed)
      #expect(throws: CheckError.stopped) { try stopped.presence(entry) }
    }
  }

  @Test("of ten thousand findings a hundred are kept and all are counted")
  func bounded() async throws {
    try await inTemporaryFolder { folder in
      let lines = (0..<10_000).map { "\(abcMD5)  gone.\($0)\n" }.joined()
      let findings = try Delivery(folder).findings(lines)
      #expect(findings.count == 10_000)
      #expect(findings.first.count == 100)
      #expect(findings.first.last == .missing(path("gone.99")))
    }
  }

  @Test("each kind of media hash list holds for the files it lists")
  func lists() async throws {
    let lists = GoldenCase.all.filter { $0.name.contains("MHL") && $0.mistake == nil }
    #expect(lists.count == 2)
    for one in lists {
      try await inTemporaryFolder { folder in
        let delivery = try Delivery(folder)
        let manifest = try Manifest.parse(one.bytes, named: FileName(one.manifest))
        for entry in manifest.entries { try delivery.write(abc, entry.path) }
        let check = ManifestCheck(in: delivery.directory)
        #expect(try check.findings(manifest.entries).first == [])

        for entry in manifest.entries { try delivery.write(Array("abd".utf8), entry.path) }
        let withChecksum = manifest.entries.filter { $0.checksum != nil }
        #expect(try check.findings(manifest.entries).count == withChecksum.count)
      }
    }
  }
}
