import Paths

extension ChecksumAlgorithm {
  /// The algorithms that lines of bare digits may mean in a manifest of this name; the digits' number then decides.
  ///
  /// The extension speaks first (`.md5`, `.sha1sum`), then the name itself (`MD5SUMS`, `xxh64sum.txt`). 32 digits in
  /// a file that says nothing are MD5: XXH128 is always named, by the file or by the line.
  static func candidates(in manifest: FileName) -> [ChecksumAlgorithm] {
    let name = String(decoding: manifest.bytes, as: UTF8.self).lowercased()
    if let dot = name.lastIndex(of: "."),
      let known = algorithms(called: name[name.index(after: dot)...])
    {
      return known
    }
    let stem = name.prefix { $0 != "." }
    if stem.hasSuffix("sum") || stem.hasSuffix("sums"), let known = algorithms(called: stem) {
      return known
    }
    return [.md5, .sha1, .sha256, .xxh64]
  }

  private static func algorithms(called word: Substring) -> [ChecksumAlgorithm]? {
    var word = word
    for ending in ["sums", "sum"] where word.hasSuffix(ending) {
      word = word.dropLast(ending.count)
    }
    return switch word {
    case "md5": [.md5]
    case "sha1": [.sha1]
    case "sha256": [.sha256]
    case "sha": [.sha1, .sha256]
    case "xxh32": [.xxh32]
    case "xxh64", "xxhash64": [.xxh64]
    case "xxh3": [.xxh3, .xxh128]
    case "xxh128", "xxhash128": [.xxh128]
    case "xxh", "xxhash": [.xxh64, .xxh128, .xxh32]
    default: nil
    }
  }

  /// The algorithm of a line in BSD's manner, `TAG (path) = digits`, as md5sum, xxhsum and openssl write the tag.
  init?(tag: String) {
    switch tag.uppercased() {
    case "MD5": self = .md5
    case "SHA1", "SHA-1": self = .sha1
    case "SHA256", "SHA-256", "SHA2-256": self = .sha256
    case "XXH32": self = .xxh32
    case "XXH64": self = .xxh64
    case "XXH3", "XXH3_64": self = .xxh3
    case "XXH128", "XXH3_128": self = .xxh128
    default: return nil
    }
  }
}
