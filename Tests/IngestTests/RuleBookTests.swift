import Foundation
import Ingest
import Testing

@Suite("the rules in force")
struct RuleBookTests {
  @Test("an included file is watched, and keeps its last good text while it has a mistake")
  func included() throws {
    let folder = URL(filePath: NSTemporaryDirectory()).appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(
      at: folder.appending(path: "tokens"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    try write(
      """
      hotplate: 1
      include: tokens/shots.yaml
      rules: [ { rule: a, match: '{shot}.{frame}.exr', to: '{shot}/{name}' } ]
      """, "10.yaml")
    try write("tokens: { shot: 'sh' }", "tokens/shots.yaml")
    var book = RuleBook(directory: folder.path)
    let first = book.read()
    #expect(first.loaded.isClean)
    for path in ["", "/10.yaml", "/tokens", "/tokens/shots.yaml"] {
      #expect(first.paths.contains(folder.path + path))
    }
    try write("tokens: { shot: '(' }", "tokens/shots.yaml")
    let broken = book.read()
    #expect(!broken.loaded.isClean)
    #expect(broken.texts == first.texts)
    #expect(broken.paths.contains(folder.path + "/tokens/shots.yaml"))
    try write("tokens: { shot: 'x' }", "tokens/shots.yaml")
    #expect(book.read().texts != first.texts)
  }
}
