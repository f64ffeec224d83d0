import Files
import Glibc
import Paths
import ReadModel
import Synchronization

/// Pictures of published frames, made by `oiiotool` or `ffmpeg` when first asked for and kept in the state directory.
///
/// Frames are what others sent: the tool gets no name of theirs, little time and memory, and is gone with all its
/// processes before an answer is given. Nothing here is in the journal.
public final class Pictures: PictureShelf {
  /// Pixels of every picture.
  public static let width = 320

  private let cache: PictureCache
  let queue: PictureQueue
  private let search: ToolSearch
  private let limits: Child.Limits
  private let files = FileWork()
  private let failures = Mutex(Failures())
  private let children = Mutex(0)

  /// Makes `STATE/pictures`, for its owner alone, and removes what a killed daemon left half there.
  ///
  /// Blocks for as long as it takes to list what is kept there.
  ///
  /// - Parameters:
  ///   - stateDirectory: absolute.
  ///   - atOnce: how many tools run at a time; each may take 3 GiB and a core.
  ///   - waiting: how many more pictures may wait; who asks beyond that is refused as `.busy`.
  ///   - searchPath: where the tools are, like `PATH`; nil for the environment's.
  ///   - mostBytes: of all pictures kept.
  /// - Throws: when the directory cannot be made or listed.
  public convenience init(
    stateDirectory: String, atOnce: Int = 1, waiting: Int = 16, searchPath: String? = nil,
    mostBytes: Int = 256 << 20
  ) throws(SystemError) {
    try self.init(
      stateDirectory: stateDirectory, atOnce: atOnce, waiting: waiting, searchPath: searchPath,
      mostBytes: mostBytes, limits: Child.Limits())
  }

  init(
    stateDirectory: String, atOnce: Int = 1, waiting: Int = 16, searchPath: String? = nil,
    mostBytes: Int = 256 << 20, limits: Child.Limits
  ) throws(SystemError) {
    cache = try PictureCache(at: "\(stateDirectory)/pictures", mostBytes: mostBytes)
    queue = PictureQueue(
      running: atOnce, waiting: waiting,
      patience: limits.time + limits.grace + limits.patience + .seconds(5),
      lastPatience: limits.grace + limits.patience + .seconds(1))
    search = ToolSearch(path: searchPath ?? getenv("PATH").map { String(cString: $0) } ?? "")
    self.limits = limits
  }

  /// Ends the tools that run, each with all its processes, and refuses whoever asks from now on.
  ///
  /// Usually at once; a tool that ignores SIGTERM has a second, and one that waits for a dead volume, and cannot be
  /// ended, is left to the kernel after seven.
  public func stop() async { await queue.stop() }

  /// How many tools were started.
  var started: Int { children.withLock { $0 } }

  public func pictures(of job: JobDetailView) async -> PicturesView {
    let frames = PictureFrame.of(job)
    if frames.isEmpty { return PicturesView(pictures: []) }
    return PicturesView(
      pictures: await files.run { frames.map { self.view($0, job.job.id) } })
  }

  public func picture(_ choice: PictureChoice, of job: JobDetailView)
    async throws(PictureRefusal) -> [UInt8]
  {
    guard let frame = PictureFrame.of(job).first(where: { $0.which == choice }) else {
      throw .noPicture(
        job.job.state == .done
          ? "it has no \(choice.rawValue) frame that is a picture"
          : "it is not published: it is \(job.job.state.rawValue)")
    }
    let order = try await files.run { () throws(PictureRefusal) in
      try self.order(frame, job.job.id)
    }
    switch order {
    case .made(let picture): return picture
    case .toMake(let sitting, let tool):
      return try await queue.picture(sitting.key) {
        await self.make(sitting, with: tool)
      }.get()
    }
  }

  private enum Order: Sendable {
    case made([UInt8])
    case toMake(Sitting, Tool)
  }

  private func order(_ frame: PictureFrame, _ job: String) throws(PictureRefusal) -> Order {
    let sitting: Sitting
    do throws(NoSitting) { sitting = try Sitting(frame, job) } catch {
      throw .noPicture(error.sentence)
    }
    if let picture = cache.picture(sitting.key) { return .made(picture) }
    if let why = failures.withLock({ $0[sitting.key] }) { throw .noPicture(why) }
    do throws(NoTool) { return .toMake(sitting, try search.tool(for: sitting.format)) } catch {
      throw .noPicture(error.sentence)
    }
  }

  private func view(_ frame: PictureFrame, _ job: String) -> PictureView {
    var view = PictureView(
      which: frame.which, frame: frame.number, path: frame.pair.destination,
      url: "/api/v1/jobs/\(job)/pictures/\(frame.which.rawValue)", state: .notMade)
    do throws(NoSitting) {
      let sitting = try Sitting(frame, job)
      view.facts = sitting.facts
      if cache.holds(sitting.key) {
        view.state = .ready
      } else if let why = failures.withLock({ $0[sitting.key] }) {
        (view.state, view.why) = (.unavailable, why)
      } else {
        do throws(NoTool) { _ = try search.tool(for: sitting.format) } catch {
          (view.state, view.why) = (.unavailable, error.sentence)
        }
      }
    } catch {
      (view.state, view.why) = (.unavailable, error.sentence)
    }
    return view
  }

  private func make(_ sitting: Sitting, with tool: Tool) async -> PictureQueue.Answer {
    children.withLock { $0 += 1 }
    let portrait = await Portrait(cache: cache, limits: limits, files: files)
      .make(sitting, with: tool)
    switch portrait {
    case .success(let picture): return .success(picture)
    case .failure(.cancelled): return .failure(.cancelled)
    case .failure(.failed(let why, let lasts)):
      if lasts { failures.withLock { $0[sitting.key] = why } }
      return .failure(.noPicture(why))
    }
  }
}

/// Frames that gave no picture, so that not every look at a page starts a tool; bounded, and not kept over a restart.
///
/// Forgotten after a while: a machine that was busy may be at rest, and a tool may have been updated.
private struct Failures {
  private var sentences: [PictureKey: (why: String, since: ContinuousClock.Instant)] = [:]
  private var oldest: [PictureKey] = []

  subscript(key: PictureKey) -> String? {
    get {
      guard let (why, since) = sentences[key], .now - since < .seconds(600) else { return nil }
      return why
    }
    set {
      guard let newValue else { return }
      if sentences.updateValue((newValue, .now), forKey: key) == nil { oldest.append(key) }
      if oldest.count > 256 { sentences[oldest.removeFirst()] = nil }
    }
  }
}
