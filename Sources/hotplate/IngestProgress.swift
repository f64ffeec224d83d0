import Foundation
import Ingest
import Paths
import ReadModel

/// What `ingest` shows while it works and knows at its end.
actor IngestProgress {
  private(set) var jobs: [JobView] = []
  /// A line for each arrival that did not become a job.
  private(set) var leftBehind: [String] = []
  private(set) var needsAPerson = false
  private(set) var wasInterrupted = false
  private let start = Timestamp.now
  private let began = ContinuousClock.now
  /// Until the last byte that was seen to come: a rate that counts what follows would sink while nothing is left to copy.
  private var copying = Duration.zero
  private var done = Int64(0)
  private var drawing: Task<Void, Never>?
  private let screen: LiveScreen?

  /// - Parameter screen: where a bar is drawn; nil for none.
  init(on screen: LiveScreen?) { self.screen = screen }

  /// Draws the bar until `finish`.
  func draw(_ engine: Engine) {
    if screen == nil { return }
    drawing = Task {
      while !Task.isCancelled {
        await update(engine)
        show()
        // A picture for eyes, four a second; what counts is read again at the end.
        do { try await Task.sleep(for: .milliseconds(250)) } catch { break }
      }
    }
  }

  /// Reads what became of the jobs, while the journal is still open.
  func finish(_ engine: Engine) async {
    drawing?.cancel()
    await drawing?.value
    await update(engine)
    wasInterrupted = engine.wasStopped
    if let arrivals = try? await engine.arrivals() {
      leftBehind = arrivals.map {
        "left: \(placeText($0.source, frames: true)): \(reasonText($0.reason))"
      }
      needsAPerson = arrivals.contains { $0.reason.code == .io }
    }
    show()
  }

  private func update(_ engine: Engine) async {
    // A bar that cannot read shows what it knew; the engine says itself what is wrong with the journal.
    guard let all = try? await engine.jobs(JobQuery(limit: 100_000)) else { return }
    jobs = all.filter { job in job.ended.map { $0 >= start } ?? true }
    let bytes = jobs.reduce(Int64(0)) { $0 + $1.bytes.done }
    if bytes != done { (done, copying) = (bytes, ContinuousClock.now - began) }
  }

  private func show() {
    let bar = progressLine(jobs, elapsed: copying)
    screen?.show { [Brush(color: false, width: $0.width ?? 80).line([(bar, nil)])] }
  }
}

/// - Parameter elapsed: until the last byte that came.
/// - Returns: `[########------------]  48% 192/400 frames, 2.3 of 4.8 GB, 410 MB/s, 6 s left`
func progressLine(_ jobs: [JobView], elapsed: Duration) -> String {
  let frames = jobs.reduce(0) { $0 + $1.frames.expected }
  let framesDone = jobs.reduce(0) { $0 + max($1.frames.staged, $1.frames.published) }
  let bytes = jobs.reduce(Int64(0)) { $0 + $1.bytes.expected }
  let done = jobs.reduce(Int64(0)) { $0 + $1.bytes.done }
  let part = bytes > 0 ? min(1, Double(done) / Double(bytes)) : 0
  let rate = elapsed > .zero ? Double(done) / (elapsed / .seconds(1)) : 0
  let filled = Int(part * 20)
  let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 20 - filled)
  var line =
    "[\(bar)] \(Int(part * 100))% \(framesDone)/\(frames) frames, \(size(done)) of \(size(bytes)), \(size(Int64(rate)))/s"
  if rate > 0, done < bytes {
    line += ", \(Int((Double(bytes - done) / rate).rounded(.up))) s left"
  }
  return line
}

/// Bytes in decimal units, as disks are sold: `48.0 MB`.
func size(_ bytes: Int64) -> String {
  var value = Double(bytes)
  for unit in ["B", "kB", "MB", "GB"] {
    if value < 1000 { return unit == "B" ? "\(bytes) B" : String(format: "%.1f %@", value, unit) }
    value /= 1000
  }
  return String(format: "%.1f TB", value)
}
