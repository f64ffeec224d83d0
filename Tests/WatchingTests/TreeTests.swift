import Paths
import TestSupport
import Testing

@testable import Watching

@Suite struct TreeTests {
  @Test func `a rename moves all that lies below, and an id outlives its directory as void`() {
    var tree = Tree()
    let root = tree.addRoot()
    let a = tree.add("a", under: root, seen: 0)
    let b = tree.add("b", under: a, seen: 0)
    tree.setWatch(5, of: b)
    tree.detach(a)
    #expect(tree.child("a", of: root) == nil)
    #expect(tree.top(of: b) == a)
    tree.attach(a, "z", under: root, seen: 0)
    #expect(tree.path(of: b) == "z/b")
    #expect(tree.find("z/b", below: root) == b)
    var gone: [Int32] = []
    tree.remove(a) { gone.append($0) }
    #expect(gone == [5])
    #expect(!tree.isAlive(b) && tree.node(watch: 5) == nil)
    let again = tree.add("a", under: root, seen: 0)
    #expect(!tree.isAlive(a) && !tree.isAlive(b) && tree.isAlive(again))
  }

  @Test func `names are found again whatever was added, removed and renamed before`() {
    let seed = SeededNumbers().seed
    print("seed of the random tree: \(seed)")
    var random = SeededNumbers(seed: seed)
    var tree = Tree()
    let root = tree.addRoot()
    var model: [FileName: NodeID] = [:]
    for _ in 0..<20_000 {
      let name = FileName("n\(Int.random(in: 0..<300, using: &random))")
      #expect(tree.child(name, of: root) == model[name])
      if let node = model[name] {
        if Bool.random(using: &random) {
          tree.remove(node) { _ in }
          model[name] = nil
        } else {
          let other = FileName("n\(Int.random(in: 0..<300, using: &random))")
          guard model[other] == nil else { continue }
          tree.detach(node)
          tree.attach(node, other, under: root, seen: 0)
          model[name] = nil
          model[other] = node
        }
      } else {
        model[name] = tree.add(name, under: root, seen: 0)
      }
    }
    #expect(Set(tree.children(of: root)) == Set(model.values))
    // Slots are used again.
    #expect(tree.count == model.count + 1 && tree.nodes.count <= 301)
  }
}
