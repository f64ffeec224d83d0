public import Paths

// What commands ask of rules, besides which rule takes a file and where it goes.

/// Why a text is no path with frames in it.
public struct GivenPathError: Error, Hashable, Sendable {
  /// Safe to show.
  public let message: String
  public let hint: String?
}

extension RuleSet {
  /// The files that a path stands for, as examples write it: `sh010.[1001-1003,1005].exr`; `[[]` is a bracket.
  ///
  /// - Returns: ascending by frame; one file where there is no `[…]`.
  /// - Throws: also for more than 10,000 frames.
  public static func files(given text: String) throws(GivenPathError) -> [RelativePath] {
    do throws(PatternError) {
      return try ExamplePath(text).files
    } catch {
      // It quotes the text, which may hold what acts on a terminal.
      let message = shown(Array(error.message.utf8))
      throw GivenPathError(message: message, hint: error.hint)
    }
  }

  /// As `assign`, where nobody knows yet how many files there will be: `when.count` counts as satisfied.
  public func assign(uncounted files: [RelativePath], hotFolder: String?) -> [Assignment] {
    assign(files, hotFolder, asking: compiled.indices, judgingCount: false)
  }

  /// What the lists must be called that say what must be there (`ready.manifest`), as the rule has it; nil without.
  public func manifestPattern(of assignment: Assignment) -> String? {
    assignment.match?.compiled.manifest?.source.text
  }

  /// How many examples each rule file holds, by its name as it was given to the loader.
  public var exampleCounts: [String: Int] {
    var counts: [String: Int] = [:]
    for example in examples { counts[example.givenItem.source.file, default: 0] += 1 }
    return counts
  }
}
