import Files
import Foundation
import Paths
import ReadModel
import TestSupport

@testable import Pictures

/// A test's state directory, published frames and tools.
struct Studio: Sendable {
  let folder: TemporaryFolder
  var state: String { "\(folder.path)/state" }
  var frames: String { "\(folder.path)/shows" }
  var tools: String { "\(folder.path)/tools" }

  init(_ folder: TemporaryFolder) throws {
    self.folder = folder
    for name in ["state", "shows", "tools"] { _ = try folder.makeDirectory(name) }
  }

  func pictures(
    searchPath: String? = nil, waiting: Int = 16, mostBytes: Int = 1 << 20,
    _ limits: Child.Limits = Child.Limits()
  ) throws -> Pictures {
    try Pictures(
      stateDirectory: state, waiting: waiting, searchPath: searchPath, mostBytes: mostBytes,
      limits: limits)
  }

  /// A frame made by oiiotool, 64 × 36 pixels of one colour unless other words are given.
  func make(_ name: String, _ words: [String] = gray(0.5)) throws -> String {
    let path = "\(frames)/\(name)"
    let outcome = try Command.run(["oiiotool", "--wildcardoff"] + words + ["-o", path])
    guard outcome.status == 0 else { throw Failure("oiiotool \(words): \(outcome.err)") }
    return path
  }

  /// A program of the name of a tool: the words of a shell script.
  func install(as name: String = "oiiotool", _ script: String) throws {
    let path = "\(tools)/\(name)"
    try "#!/bin/bash\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
    chmod(path, 0o755)
  }

  func fifo(_ name: String) throws -> String {
    let path = "\(folder.path)/\(name)"
    guard mkfifo(path, 0o600) == 0 else { throw SystemError("mkfifo", path) }
    return path
  }

  func exists(_ name: String) -> Bool { access("\(folder.path)/\(name)", F_OK) == 0 }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: "\(folder.path)/\(name)", encoding: .utf8)
  }

  /// What the scratch directories leave: nothing but pictures.
  func kept() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(state)/pictures").sorted()
  }
}

/// The words for a picture of one colour.
func gray(_ value: Double, _ size: String = "64x36") -> [String] {
  ["--create", size, "3", "--fill:color=\(value),\(value),\(value)", size, "-d", "half"]
}

/// Where the real tool is.
let oiiotool: String = {
  let found = try? Command.run(["sh", "-c", "command -v oiiotool"]).out
  return found?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "/usr/bin/oiiotool"
}()

/// A done job of one sequence, or of files, at these places.
func doneJob(
  _ destinations: [[UInt8]], id: String = "0199-a", pattern: ExactText? = nil,
  methods: [String?] = [], sources: [[UInt8]]? = nil, state: JobState = .done
) -> JobDetailView {
  let sequence = SequenceView(
    directory: "/shows", pattern: pattern, frames: pattern == nil ? nil : "1-9")
  let count = FramesView(expected: destinations.count)
  let member = MemberView(
    source: sequence, destination: sequence, frames: count, state: state)
  let job = JobView(
    id: id, state: state, rule: nil, hotFolder: nil, source: sequence, destination: sequence,
    frames: count, bytes: BytesView(expected: 1), created: Timestamp(milliseconds: 0),
    members: [member])
  let sources = sources ?? destinations.map { Array("/drop".utf8) + $0 }
  let map = zip(sources, destinations).map {
    PlannedPair(source: ExactText($0), destination: ExactText($1))
  }
  return JobDetailView(job: job, map: map, methods: methods, history: [])
}

func doneJob(_ path: String, id: String = "0199-a") -> JobDetailView {
  doneJob([Array(path.utf8)], id: id)
}

/// Runs a test's body in a studio of its own, which is removed whatever happens.
func inStudio(_ body: @Sendable (Studio) async throws -> Void) async throws {
  let folder = try TemporaryFolder()
  let result: Result<Void, any Error>
  do {
    try await body(try Studio(folder))
    result = .success(())
  } catch { result = .failure(error) }
  try folder.remove()
  try result.get()
}

/// What became of a request.
func answer(_ pictures: Pictures, _ job: JobDetailView, _ which: PictureChoice = .first) async
  -> Result<[UInt8], PictureRefusal>
{
  do throws(PictureRefusal) { return .success(try await pictures.picture(which, of: job)) } catch {
    return .failure(error)
  }
}

extension Result<[UInt8], PictureRefusal> {
  /// The sentence of a `.noPicture`; nil for anything else.
  var why: String? {
    if case .failure(.noPicture(let why)) = self { why } else { nil }
  }
}

/// The processes that bear the mark of a child of this process.
func markedProcesses() -> [pid_t] {
  ProcessEntry.all().filter {
    $0.variable(Descendants.variable)?.hasPrefix("\(getpid())-") == true
  }.map(\.id)
}
