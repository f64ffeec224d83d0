import Paths
import TestSupport
import Testing

@testable import Completeness

@Suite("a look at real pictures, all there and not")
struct WholeTests {
  @Test(
    "every picture that is all there is whole: smooth, black, or noise",
    arguments: [.gradient, .black, .noise] as [Picture.Motif])
  func whole(_ motif: Picture.Motif) async throws {
    try await inTemporaryFolder { folder in
      for picture in try Picture.all(of: motif) {
        let sample = try Sample(in: folder, picture.file, picture.content)
        #expect(try sample.look() == .whole, "\(picture.file)")
      }
    }
  }

  @Test("a picture that was cut off at any length is incomplete")
  func cut() async throws {
    try await inTemporaryFolder { folder in
      for picture in try Picture.all.get() {
        let sample = try Sample(in: folder, picture.file, picture.content)
        var length = picture.content.count
        var random = SeededNumbers(seed: 1)
        while length > 0 {
          length -= step(length, of: picture, &random)
          try sample.descriptor.truncate(to: length)
          let look = try sample.look()
          #expect(look.isIncomplete, "\(picture.file) cut to \(length): \(look)")
          if !look.isIncomplete { break }
        }
      }
    }
  }

  @Test("a picture that is zeros from some point on is incomplete, but where zeros may be pixels")
  func zeroTail() async throws {
    try await inTemporaryFolder { folder in
      for picture in try Picture.all.get() {
        let sample = try Sample(in: folder, picture.file, picture.content)
        let size = picture.content.count
        var start = size
        var random = SeededNumbers(seed: 2)
        while start > 0 {
          let next = start - step(start, of: picture, &random)
          try sample.write([UInt8](repeating: 0, count: start - next), at: next)
          start = next
          let mayPass = picture.blind.map { size - start <= $0 } ?? (start >= 190)
          let look = try sample.look()
          if look.isIncomplete { continue }
          if mayPass, look == .whole { continue }
          #expect(
            Bool(false), "\(picture.file), \(size - start) of \(size) bytes are zeros: \(look)")
          break
        }
      }
    }
  }
}

/// The way from one place in a picture to one before it: a byte in small ones and near the end, else at random.
private func step(_ place: Int, of picture: Picture, _ random: inout SeededNumbers) -> Int {
  let size = picture.content.count
  if size < 2500 || size - place < 20 { return 1 }
  return min(place, Int.random(in: 1...(size / 100), using: &random))
}
