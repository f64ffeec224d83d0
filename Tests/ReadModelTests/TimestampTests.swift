import Testing

@testable import ReadModel

@Suite struct TimestampTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"),
      (-1, "1969-12-31T23:59:59.999Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
      (1_935_652_500_007, "2031-05-04T09:15:00.007Z"),
    ] as [(Int64, String)])
  func `a moment is printed as date(1) would`(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).description == text)
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  @Test func `every moment comes back from its text`() {
    // A prime stride crosses every month, leap day and millisecond ending between 1900 and 2200.
    for milliseconds in stride(
      from: Int64(-2_208_988_800_000), to: 7_258_118_400_000, by: 99_999_999_977)
    {
      let time = Timestamp(milliseconds: milliseconds)
      #expect(Timestamp(time.description) == time)
    }
  }

  @Test(
    arguments: [
      ("2031-05-04T11:15:00.25+02:00", 1_935_652_500_250),
      ("2031-05-04t04:45:00-04:30", 1_935_652_500_000),
      ("2031-05-04 09:15:00.1239999Z", 1_935_652_500_123),
    ] as [(String, Int64)])
  func `other spellings of RFC 3339 are read`(text: String, milliseconds: Int64) {
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "2031-05-04", "2031-05-04T09:15:00", "2031-13-04T09:15:00Z", "2031-05-04T24:00:00Z",
    "2031-05-04T09:15:00.Z", "2031-05-04T09:15:00Zx", "+031-05-04T09:15:00Z",
    "2031-05-04T09:15:00+2:00",
  ])
  func `what is not RFC 3339 is not a moment`(text: String) {
    #expect(Timestamp(text) == nil)
  }
}
