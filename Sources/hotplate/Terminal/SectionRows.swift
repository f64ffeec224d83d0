import ReadModel

/// What is to be shown of one section of the live table.
struct SectionRows {
  let section: JobBoard.Section
  let jobs: [JobView]
  /// How many there are, shown or not.
  let all: Int

  enum Row {
    case job(JobView)
    /// So many more of a section that found no place.
    case more(Int, JobBoard.Section)

    var height: Int {
      if case .job(let job) = self { SectionRows.height(of: job) } else { 1 }
    }
  }

  init(_ section: JobBoard.Section, _ jobs: [JobView], all: Int) {
    self.section = section
    self.jobs = jobs
    self.all = all
  }

  /// Lines that a job takes: what is copied has its bar, what is wrong its reason.
  static func height(of job: JobView) -> Int {
    switch JobBoard.Section.of(job.state) {
    case .running: 2
    case .held, .failed: job.reason == nil ? 1 : 2
    case .waiting, .ended: 1
    }
  }

  /// Older ones than are shown have ended, too; nobody counts them.
  private var tellsMore: Bool { section != .ended }

  private var need: Int {
    jobs.reduce(tellsMore && all > jobs.count ? 1 : 0) { $0 + Self.height(of: $1) }
  }

  /// The rows that fit into `room` lines: each section has its share however many wait above it, and what is left goes to
  /// the first that want it.
  static func chosen(from sections: [SectionRows], room: Int) -> [Row] {
    let wanting = sections.filter { $0.all > 0 && $0.need > 0 }
    if wanting.isEmpty || room < 1 { return [] }
    let share = max(3, room / wanting.count)
    var left = room
    var lines = wanting.map { section in
      let given = min(section.need, share, left)
      left -= given
      return given
    }
    for (index, section) in wanting.enumerated() {
      let more = min(section.need - lines[index], left)
      lines[index] += more
      left -= more
    }
    var rows: [Row] = []
    for (section, given) in zip(wanting, lines) {
      // Where a job of two lines found no place, the next section has it.
      let drawn = section.rows(in: given + left)
      left += given - drawn.reduce(0) { $0 + $1.height }
      rows += drawn
    }
    return rows
  }

  private func rows(in lines: Int) -> [Row] {
    var rows: [Row] = []
    var left = lines
    for (index, job) in jobs.enumerated() {
      let height = Self.height(of: job)
      let isLast = index == jobs.count - 1 && all == jobs.count
      // The line that says how many more there are needs a place as well.
      let reserve = tellsMore && !isLast ? 1 : 0
      guard height + reserve <= left else { break }
      rows.append(.job(job))
      left -= height
    }
    let more = all - rows.count
    if tellsMore, more > 0, left > 0 { rows.append(.more(more, section)) }
    return rows
  }
}
