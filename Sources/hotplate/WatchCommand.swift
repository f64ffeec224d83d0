import ArgumentParser

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Watch hot folders and take in what arrives.",
    discussion: """
      Runs in the foreground until SIGTERM or Ctrl-C; a line "ready: …" on standard error says when every watch stands.
      Work that is stopped half-way goes on at the next start.

      Example: hotplate watch --in /mnt/drop --to /mnt/projects --rules rules
      """)

  @OptionGroup var folders: FolderOptions

  func run() async throws {
    try await Daemon(options: folders, untilAtRest: false).run()
  }
}
