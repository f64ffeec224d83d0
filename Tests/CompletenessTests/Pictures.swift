import Files
import Foundation
import Paths
import TestSupport

@testable import Completeness

/// A row of `pictures.json`: a file that oiiotool makes, and where zeros are not found in it.
struct Picture: Sendable {
  let file: FileName
  let content: [UInt8]
  /// A tail of zeros that is not longer than this may pass; nil where all pixels may be zeros.
  let blind: Int?

  fileprivate struct Row: Decodable {
    let file: String
    let make: String
    let output: String?
    let blind: Blind

    enum Blind: Decodable {
      case bytes(Int)
      case pixels

      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let bytes = try? value.decode(Int.self) {
          self = .bytes(bytes)
        } else {
          guard try value.decode(String.self) == "pixels" else { throw Failure("blind: pixels") }
          self = .pixels
        }
      }
    }
  }

  /// What the rows are made of, 70 × 50 pixels.
  enum Motif: Sendable {
    /// Smooth with a little noise: compression helps, and still every chunk is another.
    case gradient
    case black
    /// What no compression makes smaller, above a black edge.
    case noise

    fileprivate var words: [String] {
      switch self {
      case .gradient:
        let corners = "topleft=0.1,0.5,0.2,1:topright=1,0,0,1:bottomleft=0,1,0,1"
        return "--create 70x50 4 --fill:\(corners):bottomright=0.5,0.5,1,1 70x50 --create 70x50 4"
          .words
          + "--noise:type=uniform:min=0:max=0.01:seed=1 --add".words
      case .black: return "--create 70x50 4".words
      case .noise:
        return "--create 70x50 4 --noise:type=uniform:min=0:max=1:seed=1".words
          + "--fill:color=0,0,0,0 35x50+35+0".words
      }
    }
  }

  /// All rows as gradients, made once.
  static let all: Result<[Picture], any Error> = Result { try all(of: .gradient) }

  static func all(of motif: Motif) throws -> [Picture] {
    let folder = try TemporaryFolder()
    let result = Result { try make(motif, in: folder) }
    try folder.remove()
    return try result.get()
  }

  private static func make(_ motif: Motif, in folder: TemporaryFolder) throws -> [Picture] {
    let table = Bundle.module.url(forResource: "pictures", withExtension: "json")!
    let rows = try JSONDecoder().decode([Row].self, from: Data(contentsOf: table))
    let base = "\(folder.path)/base.exr"
    try oiiotool(motif.words + ["-d", "float", "-o", base])
    // In one run: starting oiiotool takes longer than what it does here.
    try oiiotool(
      rows.flatMap { row in
        let output = [row.output ?? "-o", "\(folder.path)/\(row.file)"]
        return [base] + "--scanline --planarconfig default".words + row.make.words + output
      })
    return try rows.map { row in
      let url = URL(fileURLWithPath: "\(folder.path)/\(row.file)")
      let blind: Int? = if case .bytes(let count) = row.blind { count } else { nil }
      return Picture(
        file: FileName(row.file), content: [UInt8](try Data(contentsOf: url)), blind: blind)
    }
  }
}

func oiiotool(_ arguments: [String]) throws {
  let outcome = try Command.run(["oiiotool"] + arguments)
  guard outcome.status == 0 else { throw Failure("oiiotool: \(outcome.out)\(outcome.err)") }
}

extension String {
  fileprivate var words: [String] { split(separator: " ").map(String.init) }
}

/// One file whose content changes, and what a look says of it each time.
final class Sample {
  let descriptor: Descriptor
  let name: FileName

  init(in folder: TemporaryFolder, _ name: FileName, _ content: [UInt8]) throws {
    self.name = name
    let root = try Descriptor.directory(at: folder.path)
    descriptor = try root.open(
      RelativePath.root.appending(name), O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
    try write(content, at: 0)
  }

  func write(_ bytes: [UInt8], at offset: Int) throws {
    try bytes.withUnsafeBytes { try descriptor.write($0, at: offset) }
  }

  func look() throws -> Completeness {
    let size = try descriptor.status().snapshot.size
    return try completeness(of: descriptor, named: name, size: size)
  }
}

extension Completeness {
  var isIncomplete: Bool { if case .incomplete = self { true } else { false } }
}
