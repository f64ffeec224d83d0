import Foundation

/// How a program is run under `callgate`, which stands at the gate of its system calls: `Tests/callgate/main.c`.
///
/// It counts over all threads, in the one order in which the calls come.
public struct CallGate: Sendable {
  public enum Deed: Sendable {
    case count
    /// SIGKILL in the place of the nth call.
    case kill(Int)
    /// From the nth call on, `times` of them (nil: all) fail, until ``CallGate/open()``.
    case fail(Int32, from: Int = 1, times: Int? = nil)
    /// The nth call waits for ``CallGate/open()``.
    case hold(Int)
  }

  /// The calls that matter; empty for all that change files.
  private let calls: [String]
  private let about: [String]
  private let without: [String]
  private let deed: Deed
  private let tale: String
  private let opened: String

  /// - Parameters:
  ///   - about: shell patterns of paths, whose `*` takes in `/`; a call matters if one of its paths fits one of them.
  ///   - without: patterns that no path may fit.
  ///   - name: for its files in `folder`, of one run's own.
  public init(
    _ deed: Deed, calls: [String] = [], about: [String], without: [String] = [],
    in folder: TemporaryFolder, name: String = "gate"
  ) {
    self.calls = calls
    self.about = about
    self.without = without
    self.deed = deed
    tale = "\(folder.path)/\(name).tale"
    opened = "\(folder.path)/\(name).open"
  }

  /// The words to run a program under.
  public var wrapper: [String] {
    get throws {
      var words = [(try Daemon.program as NSString).deletingLastPathComponent + "/callgate"]
      if !calls.isEmpty { words += ["--calls", calls.joined(separator: ",")] }
      words += about.flatMap { ["--about", $0] } + without.flatMap { ["--not", $0] }
      words += ["--tell", tale, "--until", opened]
      switch deed {
      case .count: break
      case .kill(let nth): words += ["--kill", "\(nth)"]
      case .fail(let errno, let from, let times):
        words += ["--fail", "\(errno)", "--from", "\(from)"]
        if let times { words += ["--times", "\(times)"] }
      case .hold(let nth): words += ["--hold", "\(nth)"]
      }
      return words + ["--"]
    }
  }

  /// Lets a held call go on; nothing fails from here on.
  public func open() throws { try FrameFactory.write([], to: Array(opened.utf8)) }

  /// The calls that came until now, in their order.
  public func told() throws -> [Call] {
    guard access(tale, F_OK) == 0 else { return [] }
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: tale)), as: UTF8.self)
    return text.split(separator: "\n").compactMap { Call(line: $0) }
  }

  /// The first call that it killed at, held, or let fail.
  public func struck() throws -> Call? { try told().first { $0.isStruck } }

  /// A call that mattered.
  public struct Call: Sendable, CustomStringConvertible {
    /// From 1.
    public let number: Int
    public let name: String
    /// A rename's or link's two, with an arrow between them.
    public let path: String
    public let isStruck: Bool

    fileprivate init?(line: Substring) {
      var words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
      isStruck = Int(words[0]) == nil
      if isStruck {
        words.removeFirst()
      } else {
        words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
      }
      guard words.count == 3, let number = Int(words[0]) else { return nil }
      self.number = number
      name = String(words[1])
      path = String(words[2])
    }

    public var description: String { "\(name) \(path)" }
  }
}

/// Where many small trees come and go quickly: memory, if this system shows some of it as a file system.
public let quickPlace: String? = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nil

extension HotFolderTree {
  /// Runs `hotplate ingest` on this tree, to its end.
  public func ingest(under wrapper: [String] = []) throws -> Command.Outcome {
    try Command.run(
      ["setpriv", "--pdeathsig", "KILL", "--"] + wrapper + [try Daemon.program] + [
        "ingest", "--in", drop, "--to", destination, "--rules", rules, "--state", state,
        "--no-listen",
      ])
  }

  /// What the journal says of all jobs, newest first.
  public func journalledJobs() throws -> [JobView] {
    let outcome = try Command.run([try Daemon.program, "jobs", "--json", "--state", state])
    guard outcome.status == 0 else {
      throw Failure("jobs --json ended with \(outcome.status): \(outcome.err)")
    }
    return try JSONDecoder().decode([JobView].self, from: Data(outcome.out.utf8))
  }
}
