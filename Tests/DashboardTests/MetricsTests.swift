import ReadModel
import Testing

@testable import Dashboard

/// The text that Prometheus reads.
@Suite struct MetricsTests {
  @Test func `each family has its kind, and a name cannot break out of its label`() async throws {
    try await withServer { server in
      let answer = try await get(server, "/metrics")
      #expect(answer.status == 200)
      #expect(answer.headers.contains("content-type: text/plain; version=0.0.4"))
      #expect(
        answer.body.contains(#"hotplate_frames_staged_total{hot_folder="a \"b\"\nc\\"} 0"#))
      #expect(answer.body.contains("# TYPE hotplate_arrival_to_ready_seconds histogram"))
      #expect(answer.body.contains("process_resident_memory_bytes "))
      let lines = answer.body.split(separator: "\n")
      let told = Set(
        lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] })
      for line in lines where !line.hasPrefix("#") {
        let name = line.prefix { $0 != "{" && $0 != " " }
        let family = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }.map {
          name.dropLast($0.count)
        }
        #expect(told.contains(name) || family.map(told.contains) == true, "\(line)")
        #expect(line.split(separator: " ").last.flatMap { Double($0) } != nil, "\(line)")
      }
    }
  }

  @Test func `a histogram's buckets count what lies below them`() {
    var histogram = HistogramView(bounds: [0.1, 1])
    for seconds in [0.05, 0.1, 0.5, 7, -1] { histogram.record(seconds) }
    var text = MetricsText()
    text.add("x_seconds", "How long.", histogram)
    #expect(
      text.text == """
        # HELP x_seconds How long.
        # TYPE x_seconds histogram
        x_seconds_bucket{le="0.1"} 3
        x_seconds_bucket{le="1"} 4
        x_seconds_bucket{le="+Inf"} 5
        x_seconds_sum 7.65
        x_seconds_count 5

        """)
  }

  @Test func `refused requests are counted by their kind`() async throws {
    try await withServer(tcp: true) { server in
      for _ in 0..<2 {
        _ = try await exchange(
          server, tcp: true, "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
      }
      let answer = try await get(server, "/metrics")
      #expect(answer.body.contains(#"hotplate_requests_refused_total{code="foreign-host"} 2"#))
    }
  }
}
