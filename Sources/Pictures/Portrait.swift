import Files
import Paths

/// Makes one picture and keeps it.
struct Portrait: Sendable {
  let cache: PictureCache
  let limits: Child.Limits
  let files: FileWork

  enum Failure: Error {
    case cancelled
    /// A sentence for a person, and whether the same file would give the same again.
    case failed(String, lasts: Bool)
  }

  func make(_ sitting: Sitting, with tool: Tool) async -> Result<[UInt8], Failure> {
    do throws(Failure) { return .success(try await picture(sitting, tool)) } catch {
      return .failure(error)
    }
  }

  private func picture(_ sitting: Sitting, _ tool: Tool) async throws(Failure) -> [UInt8] {
    let scratch = try await onDisk { () throws(SystemError) in
      try Scratch(
        in: cache.directory, at: cache.path, frameSuffix: sitting.format.extensions[0])
    }
    let child = Child(
      tool: tool.path,
      arguments: tool.arguments(sitting.format, sitting.look, width: Pictures.width),
      directory: scratch.path, input: sitting.file, errors: scratch.errors, limits: limits)
    let end = await child.run(files)
    let result = await files.run { () -> Result<[UInt8], Failure> in
      defer { scratch.remove() }
      do throws(Failure) { return .success(try outcome(end, scratch, sitting, tool)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private func outcome(_ end: Child.End, _ scratch: Scratch, _ sitting: Sitting, _ tool: Tool)
    throws(Failure) -> [UInt8]
  {
    let name = tool.kind.rawValue
    switch end {
    case .cancelled: throw .cancelled
    case .timedOut:
      throw .failed("\(name) took longer than \(limits.time.components.seconds) s", lasts: true)
    case .stuck: throw .failed(stuckSentence, lasts: false)
    case .notStarted(let why):
      throw .failed("\(name) does not start: \(shown(Array(why.utf8)))", lasts: false)
    case .signalled(let signal):
      throw .failed(
        "\(name) ended by signal \(signal)\(said(scratch)): the frame is damaged, or larger than pictures are made of",
        lasts: true)
    case .exited(let code) where code != 0:
      throw .failed("\(name) cannot read it\(said(scratch))", lasts: true)
    case .exited: break
    }
    do throws(SystemError) {
      if let picture = try scratch.picture(width: Pictures.width, atMost: 1 << 20) {
        // Of one that was written to meanwhile, the next look makes another.
        if try sitting.file.status().snapshot == sitting.key.file {
          // A full disk is no reason to show nothing: it is made again the next time.
          try? cache.keep(picture, sitting.key)
        }
        return picture
      }
    } catch {
      throw .failed("\(error)", lasts: false)
    }
    throw .failed("\(name) made no picture of it\(said(scratch))", lasts: true)
  }

  private func said(_ scratch: Scratch) -> String {
    guard let said = try? scratch.firstError() else { return "" }
    return ": \(said.replacing("oiiotool ERROR: ", with: ""))"
  }

  private func onDisk<T: Sendable>(_ work: @escaping @Sendable () throws(SystemError) -> T)
    async throws(Failure) -> T
  {
    do throws(SystemError) { return try await files.run(work) } catch {
      throw .failed("\(error)", lasts: false)
    }
  }
}
