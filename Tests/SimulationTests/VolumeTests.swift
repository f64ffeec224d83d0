import Files
import Paths
import Testing

@testable import Simulation

/// The model is only worth something if it can lose what a disk can lose.
@Suite struct VolumeTests {
  private func outcomes(_ act: (Volume) throws -> Void) rethrows -> Set<String> {
    var found: Set<String> = []
    for seed in 0..<200 {
      let volume = Volume("disk", device: 1)
      try act(volume)
      var numbers = Numbers(seed: UInt64(seed))
      volume.cutPower(&numbers)
      let names = volume.root.entries.keys.sorted().map { name in
        "\(name)=\(String(decoding: volume.root.entries[name]!.bytes, as: UTF8.self).replacing("\0", with: "0"))"
      }
      found.insert(names.joined(separator: " "))
    }
    return found
  }

  private func write(_ text: String, _ name: FileName, on volume: Volume) throws -> Node {
    let node = try volume.make(.file, name, in: volume.root, 1)
    try volume.write(Array(text.utf8), at: 0, of: node, 1)
    return node
  }

  @Test func `what was never synced may be there, be gone, be short or be zeros after a power cut`()
    throws
  {
    let found = try outcomes { _ = try write("ab", "a", on: $0) }
    #expect(found == ["", "a=", "a=a", "a=ab", "a=00"])
  }

  @Test func `a synced name is not its bytes, and synced bytes are not their name`() throws {
    #expect(
      try outcomes {
        _ = try write("ab", "a", on: $0)
        $0.sync($0.root)
      } == ["a=", "a=a", "a=ab", "a=00"])
    #expect(try outcomes { $0.sync(try write("ab", "a", on: $0)) } == ["", "a=ab"])
  }

  @Test func `a rename is there or not, and never half`() throws {
    let found = try outcomes { volume in
      volume.sync(try write("ab", "a", on: volume))
      volume.sync(volume.root)
      try volume.rename("a", in: volume.root, to: "b", in: volume.root, .noReplace, 2)
    }
    #expect(found == ["a=ab", "b=ab"])
  }

  @Test func `an unlink may survive when the link before it does not`() throws {
    let found = try outcomes { volume in
      let node = try write("ab", "a", on: volume)
      volume.sync(node)
      volume.sync(volume.root)
      try volume.link(node, "b", in: volume.root, 2)
      try volume.unlink("a", in: volume.root, directory: false, 3)
    }
    #expect(found == ["", "a=ab", "b=ab", "a=ab b=ab"])
  }

  @Test func `an inode number is used again for the next file`() throws {
    let volume = Volume("disk", device: 1)
    let first = try write("a", "a", on: volume)
    volume.sync(volume.root)
    try volume.unlink("a", in: volume.root, directory: false, 2)
    volume.sync(volume.root)
    #expect(try write("b", "b", on: volume).number == first.number)
  }
}
