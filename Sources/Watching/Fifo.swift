/// A queue: first in, first out, both ends in constant time.
struct Fifo<Element> {
  private var items: [Element?] = []
  private var head = 0

  var isEmpty: Bool { head == items.count }

  mutating func append(_ element: Element) { items.append(element) }

  /// Back to where it was taken from.
  mutating func putBack(_ element: Element) {
    if head > 0 {
      head -= 1
      items[head] = element
    } else {
      items.insert(element, at: 0)
    }
  }

  mutating func popFirst() -> Element? {
    guard head < items.count else { return nil }
    defer {
      items[head] = nil
      head += 1
      if head * 2 > items.count {
        items.removeFirst(head)
        head = 0
      }
    }
    return items[head]
  }
}
