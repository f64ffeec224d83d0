import Glibc

/// A program that makes pictures.
struct Tool: Hashable, Sendable {
  enum Kind: String, Sendable { case oiiotool, ffmpeg }

  let kind: Kind
  /// Absolute.
  let path: String

  /// The words for a picture of `width` pixels of the file that stands in the working directory as `frame.EXTENSION`;
  /// it goes to `picture.jpg` there.
  ///
  /// No word comes from the frame, but for channel names of letters, digits, dots and underscores.
  func arguments(_ format: PictureFormat, _ look: EXRHeader.Look?, width: Int) -> [String] {
    let frame = "frame.\(format.extensions[0])"
    return switch kind {
    case .oiiotool: Self.oiiotool(frame, look, width, isLinear: format.isLinear)
    case .ffmpeg: Self.ffmpeg(frame, format, width)
    }
  }

  private static func oiiotool(
    _ frame: String, _ look: EXRHeader.Look?, _ width: Int, isLinear: Bool
  ) -> [String] {
    let look = look ?? EXRHeader.Look()
    let channels = look.channels?.joined(separator: ",")
    // Channels that are not read cost no memory. Those of another part are picked when that part is; merging samples of
    // several depths needs all.
    let isEarly = look.part == 0 && !look.isDeep
    var words = ["--threads", "1", "--nosoftwareattrib", "--wildcardoff"]
    words += [isEarly && channels != nil ? "-i:ch=\(channels!)" : "-i", frame]
    if look.part > 0 { words += ["--subimage", "\(look.part)"] }
    if look.isDeep { words.append("--flatten") }
    if let channels, !isEarly { words += ["--ch", channels] }
    words += ["--reorient", "--resize:filter=box", "\(width)x0"]
    // In light, before the curve, as a camera would average it.
    if isLinear { words += ["--colorconvert", "linear", "sRGB"] }
    return words + [
      "-d", "uint8", "--compression", "jpeg:85", "--eraseattrib", ".*", "-o", "picture.jpg",
    ]
  }

  private static func ffmpeg(_ frame: String, _ format: PictureFormat, _ width: Int) -> [String] {
    // The demuxer is named and only files are allowed: what is in the file shall not make it a playlist.
    var words = ["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"]
    words += ["-protocol_whitelist", "file"]
    if format.isMovie {
      words += ["-f", format.extensions[0]]
    } else {
      words += ["-f", "image2", "-pattern_type", "none"]
    }
    // A power close to the curve of sRGB: the decoder's own curves were there in some versions only.
    let curve = "maxval*pow(val/maxval\\,0.4545)"
    let light = format.isLinear ? ",format=rgb48,lutrgb=r=\(curve):g=\(curve):b=\(curve)" : ""
    return words + [
      "-i", frame, "-frames:v", "1", "-an", "-sn", "-dn", "-map_metadata", "-1", "-threads", "1",
      "-vf", "scale=\(width):-1:flags=area\(light)", "-pix_fmt", "yuvj420p", "-q:v", "4",
      "-c:v", "mjpeg", "-f", "image2", "-update", "1", "picture.jpg",
    ]
  }
}

/// Where the tools are: looked up in PATH by hand, again and again as long as one is missing or was removed, so that
/// installing it helps at once.
struct ToolSearch: Sendable {
  private let directories: [String]

  /// - Parameter path: as of `PATH`; what is relative in it does not count, for the working directory may be anyone's.
  init(path: String) {
    directories = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
  }

  /// - Throws: a sentence that names the packages, `.noPicture`.
  func tool(for format: PictureFormat) throws(NoTool) -> Tool {
    let kinds: [Tool.Kind] = format.isMovie ? [.ffmpeg] : [.oiiotool, .ffmpeg]
    for kind in kinds {
      for directory in directories {
        let path = "\(directory)/\(kind.rawValue)"
        if isProgram(path) { return Tool(kind: kind, path: path) }
      }
    }
    throw NoTool(isMovie: format.isMovie)
  }

  private func isProgram(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && access(path, X_OK) == 0
  }
}

/// No program is installed that could make the picture.
struct NoTool: Error {
  let isMovie: Bool

  var sentence: String {
    isMovie
      ? "ffmpeg is not installed, which pictures of movies need: apt install ffmpeg"
      : "neither oiiotool nor ffmpeg is installed: apt install openimageio-tools"
  }
}
