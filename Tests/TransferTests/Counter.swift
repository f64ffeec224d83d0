import Files
import Foundation
import Synchronization

@testable import Transfer

final class Counter: Sendable {
  private let number = Atomic<Int>(0)
  var value: Int { number.load(ordering: .relaxed) }
  func add(_ count: Int) { number.add(count, ordering: .relaxed) }
  func raise(to value: Int) { number.max(value, ordering: .relaxed) }
}

/// Keeps a file open until the test ends.
final class Opened: Sendable {
  private let files = Mutex<[Descriptor?]>([])
  func keep(_ file: Descriptor?) { files.withLock { $0.append(file) } }
}

func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
  try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
}

extension Receipt {
  func with(bootID: String) -> Receipt {
    var receipt = self
    receipt.bootID = bootID
    return receipt
  }
}
