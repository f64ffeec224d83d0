/// Finds nodes by what they hold, in 8 to 16 bytes a node: the table has indices and hashes only, and what is compared stays in
/// the nodes. Open addressing with linear probing, at most four fifths full.
struct NodeIndex {
  private struct Slot {
    var node = Tree.none
    var hash: UInt32 = 0
  }

  private var slots = ContiguousArray(repeating: Slot(), count: 16)
  private(set) var count = 0

  private func next(_ slot: Int) -> Int { (slot + 1) & (slots.count - 1) }

  private func home(_ hash: UInt32) -> Int { Int(hash) & (slots.count - 1) }

  func find(_ hash: UInt32, where isWanted: (Int) -> Bool) -> Int32? {
    var at = home(hash)
    while slots[at].node != Tree.none {
      if slots[at].hash == hash, isWanted(Int(slots[at].node)) { return slots[at].node }
      at = next(at)
    }
    return nil
  }

  mutating func insert(_ node: Int32, _ hash: UInt32) {
    if (count + 1) * 5 > slots.count * 4 { grow() }
    place(Slot(node: node, hash: hash))
    count += 1
  }

  mutating func remove(_ node: Int32, _ hash: UInt32) {
    var hole = home(hash)
    while slots[hole].node != node {
      precondition(slots[hole].node != Tree.none, "a node that was never inserted")
      hole = next(hole)
    }
    // What probed past the hole moves into it, so that no tombstones pile up.
    var at = next(hole)
    while slots[at].node != Tree.none {
      let distance = (at - home(slots[at].hash)) & (slots.count - 1)
      if distance >= (at - hole) & (slots.count - 1) {
        slots[hole] = slots[at]
        hole = at
      }
      at = next(at)
    }
    slots[hole] = Slot()
    count -= 1
  }

  private mutating func grow() {
    let old = slots
    slots = ContiguousArray(repeating: Slot(), count: old.count * 2)
    for slot in old where slot.node != Tree.none { place(slot) }
  }

  private mutating func place(_ slot: Slot) {
    var at = home(slot.hash)
    while slots[at].node != Tree.none { at = next(at) }
    slots[at] = slot
  }
}
