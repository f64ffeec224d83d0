import Foundation
import Synchronization
import TestSupport

@testable import hotplate

extension HotFolderTree {
  /// What the daemon answers to a GET on its socket, head and all.
  func get(_ path: String) throws -> String {
    let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    let answer = Mutex<Result<[UInt8], any Error>?>(nil)
    let done = DispatchSemaphore(value: 0)
    let state = state
    Task.detached {
      let result: Result<[UInt8], any Error>
      do {
        result = .success(
          try await exchange(Array(request.utf8), withSocket: "hotplate.sock", in: state))
      } catch { result = .failure(error) }
      answer.withLock { $0 = result }
      done.signal()
    }
    done.wait()
    return String(decoding: try answer.withLock { $0 }!.get(), as: UTF8.self)
  }

  /// A figure without labels that the daemon tells monitors.
  func metric(_ name: String) throws -> Double {
    let text = try get("/metrics")
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
    guard let value = line?.split(separator: " ").last.flatMap({ Double($0) }) else {
      throw TestSupport.Failure("no \(name) in: \(text)")
    }
    return value
  }
}
