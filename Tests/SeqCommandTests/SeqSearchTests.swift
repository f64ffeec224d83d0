import Foundation
import Glibc
import Paths
import Testing

@testable import hotplate

/// A directory of empty files whose names are exact bytes, removed afterwards.
private func inFolder(_ names: [[UInt8]], _ body: ([UInt8]) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appending(path: "seq-\(UUID().uuidString)")
    .path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: folder) } }
  for name in names {
    let path = Array(folder.utf8) + [UInt8(ascii: "/")] + name
    let directory = String(decoding: path[..<path.lastIndex(of: UInt8(ascii: "/"))!], as: UTF8.self)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let file = open(path.map { CChar(bitPattern: $0) } + [0], O_CREAT | O_WRONLY, 0o600)
    #expect(write(file, "12345", 5) == 5)
    close(file)
  }
  try body(Array(folder.utf8))
}

private func names(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }

private func search(
  recursive: Bool = false, all: Bool = false, _ body: (inout SeqSearch) throws -> Void
) rethrows -> [SeqRow] {
  var search = SeqSearch(isRecursive: recursive, includesSingles: all, measuresBytes: true)
  try body(&search)
  search.finishNames(onDisk: true)
  #expect(search.failures.isEmpty)
  return SeqRow.inOrder(search.rows)
}

@Suite("hotplate seq")
struct SeqSearchTests {
  @Test(
    "a row's JSON holds what the interface names, and the exact bytes of names that are not UTF-8")
  func json() throws {
    let bad: [UInt8] = [0xff, 0xe2, 0x82]
    try inFolder([1, 2, 4].map { bad + Array(".000\($0).exr".utf8) }) { folder in
      let rows = try search { try $0.look(at: folder) }
      let data = try JSONEncoder().encode(rows)
      let objects = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
      let object = try #require(objects.first)
      #expect(objects.count == 1)
      #expect(object["directory"] as? String == String(decoding: folder, as: UTF8.self))
      #expect(object["directory_bytes"] == nil)
      // One mark for each bad byte.
      #expect(object["head"] as? String == "\u{fffd}\u{fffd}\u{fffd}.")
      #expect(
        object["head_bytes"] as? String == Data(bad + [UInt8(ascii: ".")]).base64EncodedString())
      #expect(object["pattern"] as? String == "\u{fffd}\u{fffd}\u{fffd}.#.exr")
      #expect(
        object["pattern_bytes"] as? String == Data(bad + Array(".#.exr".utf8)).base64EncodedString()
      )
      #expect(object["printf"] as? String == "\u{fffd}\u{fffd}\u{fffd}.%04d.exr")
      #expect(object["tail"] as? String == ".exr")
      #expect(object["frames"] as? String == "1-2,4")
      #expect(object["missing"] as? String == "3")
      #expect(
        ["padding", "first", "last", "count", "bytes"].map { object[$0] as? Int } == [
          4, 1, 4, 3, 15,
        ])
    }
  }

  @Test("single files are left out unless asked for, and then have null frames")
  func singles() throws {
    try inFolder(names("a.1.exr", "a.2.exr", "b.exr")) { folder in
      #expect(try search { try $0.look(at: folder) }.map(\.pattern) == ["a.@.exr"])
      let rows = try search(all: true) { try $0.look(at: folder) }
      #expect(rows.map(\.pattern) == ["a.@.exr", "b.exr"])
      let text = String(decoding: try JSONEncoder().encode(rows[1]), as: UTF8.self)
      #expect(text.contains(#""frames":null"#) && text.contains(#""bytes":5"#))
    }
  }

  @Test("directories below are looked through only when asked, symlinked and hidden ones never")
  func recursion() throws {
    let all = names(
      "a.1.exr", "a.2.exr", "sub/deep/b.1.exr", "sub/deep/b.2.exr", ".snap/c.1.exr", ".snap/c.2.exr"
    )
    try inFolder(all) { folder in
      let text = String(decoding: folder, as: UTF8.self)
      try FileManager.default.createSymbolicLink(
        atPath: text + "/link", withDestinationPath: "sub/deep")
      #expect(mkfifo(text + "/a.3.exr", 0o600) == 0)
      #expect(try search { try $0.look(at: folder) }.map(\.pattern) == ["a.@.exr"])
      let rows = try search(recursive: true) { try $0.look(at: folder) }
      #expect(
        rows.map { String(decoding: $0.directory, as: UTF8.self) } == [text, text + "/sub/deep"])
      #expect(rows.first?.columns == ["\(text)/a.@.exr", "1-2", "2 frames", ""])
      let twice = try search(recursive: true) {
        try $0.look(at: folder)
        try $0.look(at: folder + Array("/sub/deep/".utf8))
        try $0.look(at: folder + Array("/a.1.exr".utf8))
        try $0.look(at: folder + Array("/a.2.exr".utf8))
      }
      #expect(twice.count == 2)
    }
  }

  @Test(
    "files and dangling symlinks are grouped by their directories; what is not there is an error")
  func files() throws {
    try inFolder(names("a.1.exr", "a.2.exr", "a.3.exr")) { folder in
      let dangling = String(decoding: folder, as: UTF8.self) + "/a.5.exr"
      try FileManager.default.createSymbolicLink(atPath: dangling, withDestinationPath: "nowhere")
      let rows = try search { search in
        for name in ["/a.1.exr", "/a.3.exr", "/a.5.exr"] {
          try search.look(at: folder + Array(name.utf8))
        }
      }
      #expect(
        rows.map(\.columns) == [[shown(folder) + "/a.@.exr", "1,3,5", "3 frames", "missing 2,4"]])
      #expect(rows.map(\.bytes) == [10])
      #expect(throws: (any Error).self) {
        _ = try search { try $0.look(at: folder + Array("/nothing".utf8)) }
      }
    }
  }

  @Test("names as text keep their directories apart and need not exist")
  func text() {
    var search = SeqSearch(isRecursive: false, includesSingles: false, measuresBytes: true)
    for name in ["x/a.1", "x//a.2", "a.1", "./a.2", "/a.1", "/a.2", "", "/", ".", ".."] {
      search.addName(Array(name.utf8))
    }
    search.finishNames(onDisk: false)
    let rows = SeqRow.inOrder(search.rows)
    #expect(rows.map { $0.columns[0] } == ["a.@", "/a.@", "x/a.@"])
    #expect(rows.allSatisfy { $0.bytes == nil })
  }

  @Test("long lists of frames are cut for people")
  func cut() {
    var search = SeqSearch(isRecursive: false, includesSingles: false, measuresBytes: false)
    for frame in 1...20 { search.addName(Array("a.\(frame * 2)".utf8)) }
    search.finishNames(onDisk: false)
    #expect(
      search.rows.map(\.columns) == [
        ["a.@", "2,4,6,8,10,…,40", "20 frames", "missing 3,5,7,9,11,…,39"]
      ])
  }
}
