import CPCRE2
import Glibc

/// What one thread needs to match: room for groups, the limits, the JIT's stack. Made once for each thread.
final class MatchScratch {
  fileprivate(set) var data: OpaquePointer
  let context: OpaquePointer
  private let stack: OpaquePointer?
  private var groupRoom: Int

  private init() {
    groupRoom = 31
    data = pcre2_match_data_create_8(UInt32(groupRoom + 1), nil)!
    context = pcre2_match_context_create_8(nil)!
    // A name has 255 bytes, a path 4095: what needs more steps than this is a runaway such as `(a+)+$`. It ends
    // within a few milliseconds.
    pcre2_set_match_limit_8(context, 500_000)
    pcre2_set_depth_limit_8(context, 500_000)
    // KiB. Only the interpreter uses the heap; the JIT has the stack below.
    pcre2_set_heap_limit_8(context, 16 * 1024)
    stack = pcre2_jit_stack_create_8(32 * 1024, 1024 * 1024, nil)
    pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
  }

  deinit {
    pcre2_match_data_free_8(data)
    pcre2_match_context_free_8(context)
    pcre2_jit_stack_free_8(stack)
  }

  func makeRoom(forGroups count: Int) {
    guard count > groupRoom else { return }
    pcre2_match_data_free_8(data)
    groupRoom = count
    data = pcre2_match_data_create_8(UInt32(count + 1), nil)!
  }

  /// Where group `number` of the last match lies in its subject; nil if it took no part. 0 is the whole match.
  func range(_ number: Int) -> Range<Int>? {
    let offsets = pcre2_get_ovector_pointer_8(data)!
    let (start, end) = (offsets[number * 2], offsets[number * 2 + 1])
    // PCRE2_UNSET is ~0; a `\K` in a lookahead may put the start behind the end.
    guard start != Int.max, start != Int(bitPattern: UInt.max), start <= end else { return nil }
    return start..<end
  }

  /// This thread's own. Never keep it across an `await`.
  static var current: MatchScratch {
    if let known = pthread_getspecific(key) {
      return Unmanaged<MatchScratch>.fromOpaque(known).takeUnretainedValue()
    }
    let new = MatchScratch()
    pthread_setspecific(key, Unmanaged.passRetained(new).toOpaque())
    return new
  }

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let failure = pthread_key_create(&key) { known in
      Unmanaged<MatchScratch>.fromOpaque(known!).release()
    }
    precondition(failure == 0, "no thread keys left: PTHREAD_KEYS_MAX")
    return key
  }()
}
