import CPCRE2
import Glibc

/// Why a regular expression does not compile, in PCRE2's words.
struct ExpressionError: Error {
  let message: String
  /// Bytes from the start of the expression.
  let offset: Int
}

/// A compiled regular expression over bytes, case-insensitive unless it says `(?-i)`.
///
/// It is compiled twice: names that are valid UTF-8 match as characters, all others as bytes.
// @unchecked: both codes are set in `init` and then only read. pcre2api(3), "Multithreading": compiled code is
// read-only after compilation and JIT, and may be used by many threads; what a match writes is in `MatchScratch`,
// one for each thread.
final class Expression: @unchecked Sendable {
  private let characters: OpaquePointer
  /// nil where the expression makes sense only on characters, such as `\x{1F600}`.
  private let bytes: OpaquePointer?
  /// How many groups capture.
  let groupCount: Int
  /// The named groups, in no particular order.
  let groupNames: [(name: String, number: Int)]
  /// Whether it refers back to one of its groups (`\1`, `\k<name>`).
  let refersBack: Bool

  /// What of a subject must fit.
  enum Reach { case whole, beginning, anyPart }

  init(_ pattern: [UInt8], _ reach: Reach = .whole) throws(ExpressionError) {
    let common = PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_DUPNAMES | PCRE2_NEVER_BACKSLASH_C
    let anchors: UInt32 =
      switch reach {
      case .whole: PCRE2_ANCHORED | PCRE2_ENDANCHORED
      case .beginning: PCRE2_ANCHORED
      case .anyPart: 0
      }
    characters = try compile(pattern, common | anchors | PCRE2_UTF)
    var count: UInt32 = 0
    pcre2_pattern_info_8(characters, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
    groupCount = Int(count)
    var highest: UInt32 = 0
    pcre2_pattern_info_8(characters, UInt32(PCRE2_INFO_BACKREFMAX), &highest)
    refersBack = highest > 0
    groupNames = names(of: characters)
    do throws(ExpressionError) {
      bytes = try compile(pattern, common | anchors | PCRE2_NEVER_UTF)
    } catch {
      bytes = nil
    }
  }

  deinit {
    pcre2_code_free_8(characters)
    pcre2_code_free_8(bytes)
  }

  /// What a subject's bytes are, found once for all expressions that look at it.
  enum Encoding: Sendable { case ascii, utf8, bytes }

  enum Outcome: Equatable {
    case matched
    case noMatch
    /// PCRE2 gave up: a limit was reached. Its error number; see `errorText`.
    case failed(Int32)
  }

  /// Holds the expression against `subject`; `scratch` then holds the groups.
  ///
  /// - Parameter start: where the match may begin; what stands before it is seen by a lookbehind alone.
  func match(
    _ subject: UnsafeBufferPointer<UInt8>, _ encoding: Encoding, _ scratch: MatchScratch,
    from start: Int = 0
  ) -> Outcome {
    // Pure ASCII means the same to both codes, and bytes are faster.
    let code = encoding == .utf8 ? characters : (bytes ?? characters)
    if encoding == .bytes && bytes == nil { return .noMatch }
    scratch.makeRoom(forGroups: groupCount)
    // `encoding` is the check that PCRE2 leaves out here.
    let result = withExtendedLifetime(self) {
      pcre2_match_8(
        code, subject.baseAddress, subject.count, start, PCRE2_NO_UTF_CHECK, scratch.data,
        scratch.context)
    }
    if result > 0 { return .matched }
    return result == PCRE2_ERROR_NOMATCH ? .noMatch : .failed(result)
  }

  /// PCRE2's sentence for an error number, e.g. "match limit exceeded".
  static func errorText(_ number: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let length = pcre2_get_error_message_8(number, &buffer, buffer.count)
    return length > 0 ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "\(number)"
  }
}

private func compile(_ pattern: [UInt8], _ options: UInt32) throws(ExpressionError)
  -> OpaquePointer
{
  var error: Int32 = 0
  var offset = 0
  guard let code = pcre2_compile_8(pattern, pattern.count, options, &error, &offset, nil) else {
    throw ExpressionError(message: Expression.errorText(error), offset: offset)
  }
  // Without JIT (a kernel that forbids executable memory) matching is slower and just as right.
  pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE)
  return code
}

/// pcre2api(3): each entry is two bytes of group number, then the name, then zeros.
private func names(of code: OpaquePointer) -> [(name: String, number: Int)] {
  var count: UInt32 = 0
  var size: UInt32 = 0
  var table: UnsafePointer<UInt8>?
  pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMECOUNT), &count)
  pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMEENTRYSIZE), &size)
  pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMETABLE), &table)
  guard let table else { return [] }
  return (0..<Int(count)).map { index in
    let entry = table + index * Int(size)
    let number = Int(entry[0]) << 8 | Int(entry[1])
    let name = UnsafeBufferPointer(start: entry + 2, count: Int(size) - 2).prefix { $0 != 0 }
    return (String(decoding: name, as: UTF8.self), number)
  }
}
