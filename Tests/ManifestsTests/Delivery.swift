import Files
import Glibc
import Paths
import TestSupport

@testable import Manifests

/// A folder with files to hold against a manifest.
struct Delivery {
  let folder: TemporaryFolder
  let directory: Descriptor

  init(_ folder: TemporaryFolder) throws {
    self.folder = folder
    directory = try Descriptor.directory(at: folder.path)
  }

  func write(_ bytes: [UInt8], _ path: RelativePath) throws {
    var parent = RelativePath.root
    for name in path.parent.components {
      parent = parent.appending(name)
      if try !directory.holds(parent) { try directory.makeDirectory(parent) }
    }
    let file = try directory.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
  }

  func findings(_ text: String, named name: FileName = "x.md5") throws -> Findings {
    let manifest = try Manifest.parse(Array(text.utf8), named: name)
    return try ManifestCheck(in: directory).findings(manifest.entries)
  }
}

let abc = Array("abc".utf8)
let abcMD5 = "900150983cd24fb0d6963f7d28e17f72"

func path(_ text: String) -> RelativePath { RelativePath(text)! }
