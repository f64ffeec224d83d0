import Glibc

/// How many of something this process may keep open besides what it works with: `most`, or less where its limit of
/// descriptors (RLIMIT_NOFILE) is low.
public func affordableDescriptors(most: Int) -> Int {
  max(2, min(most, descriptorLimit / 32))
}

private let descriptorLimit: Int = {
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
  return Int(clamping: limit.rlim_cur)
}()

/// Opens something, and waits up to a second where this process or the machine has no descriptor left: other threads
/// close theirs within a frame. errno is that of the last try.
func withFreeDescriptor(_ body: () -> Int32) -> Int32 {
  for _ in 0..<200 {
    let raw = body()
    if raw >= 0 || (Glibc.errno != EMFILE && Glibc.errno != ENFILE) { return raw }
    usleep(5000)
  }
  return body()
}
