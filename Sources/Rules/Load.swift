import Glibc
import Paths

/// What came of reading rule files.
public struct LoadedRules: Sendable {
  /// The rules of all files without a mistake.
  public let rules: RuleSet
  public let problems: [Problem]
  /// How many rule files were read, those with mistakes too; not those that others include.
  public let files: Int
  /// How many examples ran.
  public let examples: Int
  /// The texts, in the order of their rules, and then those of the files that they include.
  public let sources: [Source]

  /// One rule file.
  public struct Source: Sendable, Hashable {
    /// As it was named to the loader; safe to show.
    public let file: String
    public let text: String
    public let isLoaded: Bool
    /// How many rules it holds; 0 where it is not loaded.
    public let rules: Int
  }

  /// Whether no file has a mistake; warnings do not count.
  public var isClean: Bool { !problems.contains { $0.severity == .error } }

  /// All problems as a person reads them, and for each file with a mistake what became of it. Empty without problems.
  ///
  /// - Parameter kept: what stays active of such a file, as in "the 6 rules it held at 10:42:07 stay active".
  public func rendered(color: Bool, kept: (String) -> String? = { _ in nil }) -> String {
    var result = ""
    var files: [String] = []
    for problem in problems where !files.contains(problem.file) { files.append(problem.file) }
    for file in files {
      for problem in problems where problem.file == file {
        result += problem.rendered(color: color) + "\n"
      }
      guard sources.contains(where: { $0.file == file && !$0.isLoaded }) else { continue }
      let note = kept(file).map { "; \($0)" } ?? ""
      result += "\(Paint(color).bold("note:")) this file was not loaded\(note)\n"
    }
    return result
  }
}

extension RuleSet {
  /// Reads the `*.yaml` files of a directory in byte order of their names; hidden ones are left out.
  ///
  /// Every mistake comes back as a problem; a file with one is not loaded, and the others are.
  public static func load(directory: String) -> LoadedRules {
    var files: [(name: String, path: String, text: String)] = []
    var problems: [Problem] = []
    guard let names = names(in: directory) else {
      let reason = String(cString: strerror(errno))
      return LoadedRules(
        rules: .empty,
        problems: [
          Problem(
            file: shown(Array(directory.utf8)), code: "no-directory",
            "the rules cannot be read: \(reason)", hint: "create it, or name another directory")
        ], files: 0, examples: 0, sources: [])
    }
    for name in names {
      let path = place(of: name.bytes, in: directory)
      if name.bytes.ends(with: ".yml") {
        problems.append(
          Problem(
            file: shown(path), severity: .warning, code: "extension", "this file is not read",
            hint: "the name of a rule file ends in .yaml"))
      }
      guard name.bytes.ends(with: ".yaml"), name.bytes.first != ASCII.dot else { continue }
      switch contents(of: path) {
      case .success(let text): files.append((shown(path), name.bytes.text, text))
      case .failure(let problem): problems.append(problem)
      }
    }
    let unreadable = problems.filter { $0.severity == .error }
    let loaded = parse(files) { path in
      let place = place(of: Array(path.utf8), in: directory)
      return (shown(place), contents(of: place, include: true))
    }
    return LoadedRules(
      rules: loaded.rules, problems: problems + loaded.problems,
      files: loaded.files + unreadable.count, examples: loaded.examples,
      sources: loaded.sources
        + unreadable.map {
          LoadedRules.Source(file: $0.file, text: "", isLoaded: false, rules: 0)
        })
  }

  private static func place(of path: [UInt8], in directory: String) -> [UInt8] {
    Array(directory.utf8) + (directory.hasSuffix("/") ? [] : [ASCII.slash]) + path
  }

  private static func names(in directory: String) -> [FileName]? {
    guard let stream = opendir(directory) else { return nil }
    defer { closedir(stream) }
    var names: [FileName] = []
    while let entry = readdir(stream) {
      let offset = MemoryLayout<dirent>.offset(of: \.d_name)!
      let start = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
      names.append(
        FileName(UnsafeRawBufferPointer(start: start, count: strlen(start)).map { $0 }))
    }
    return names.sorted()
  }

  private static func contents(of path: [UInt8], include: Bool = false) -> Result<String, Problem> {
    let file = shown(path)
    func failure(_ code: String, _ message: String, _ hint: String?) -> Result<String, Problem> {
      .failure(Problem(file: file, code: code, message, hint: hint))
    }
    // A symlink is followed: configuration management swaps them. A FIFO must not hang the daemon.
    let descriptor = path.withCString { open($0, O_RDONLY | O_NONBLOCK | O_CLOEXEC) }
    guard descriptor >= 0 else {
      if include, errno == ENOENT { return .failure(.missing(file)) }
      return failure("unreadable", "it cannot be read: \(String(cString: strerror(errno)))", nil)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return failure("unreadable", "it is no regular file", nil)
    }
    var bytes: [UInt8] = []
    let limit = Screening.largest + 1
    while bytes.count < limit {
      let count = withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { buffer in
        let count = read(descriptor, buffer.baseAddress, min(buffer.count, limit - bytes.count))
        if count > 0 { bytes += buffer.prefix(count) }
        return count
      }
      if count < 0 {
        return failure("unreadable", "it cannot be read: \(String(cString: strerror(errno)))", nil)
      }
      if count == 0 { break }
    }
    if bytes.count == limit {
      return failure(
        "size", "the file is larger than 1 MiB",
        "rules are written by hand: is this the right file?")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return failure("encoding", "it is not UTF-8", "save it as UTF-8")
    }
    return .success(text)
  }
}

extension [UInt8] {
  fileprivate func ends(with text: String) -> Bool {
    suffix(text.utf8.count).elementsEqual(text.utf8)
  }

  fileprivate func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    (self.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}
