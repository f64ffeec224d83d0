import Files
import Glibc
import Journal
import Paths
import ReadModel

/// What the journal of a configured daemon says of files that still lie in its hot folders: a plan leaves them out.
struct PublishedBefore {
  private let journal: Journal

  /// - Returns: nil without a configuration, and if there is no journal yet.
  /// - Throws: exit 69 if there is one that cannot be read.
  init?(_ configuration: ConfigurationFile?) throws {
    guard let configuration else { return nil }
    let place = try journalDirectory(configuration)
    do throws(JournalError) {
      journal = try Journal(readingStateDirectory: place)
    } catch {
      if case .absent = error { return nil }
      throw Failure(
        .noDaemon, "\(error)", remedy: "mend it, or plan without --config: --rules DIR --to DIR")
    }
  }

  /// Leaves out of a listing what was published before and has not changed since.
  func leaveOut(of listing: inout FolderListing) async throws {
    let folder = listing.folder
    var reasons: [RelativePath: String] = [:]
    for (directory, files) in Dictionary(grouping: listing.files, by: \.parent) {
      let known = try await journal.ingested(hotFolder: folder.name, directory: directory)
      if known.isEmpty { continue }
      for file in files {
        guard let records = file.name.flatMap({ known[$0] }),
          let job = job(of: file, in: folder, among: records)
        else { continue }
        reasons[file] = "published before, by job \(shortID(job))"
      }
    }
    listing.leaveOut(reasons)
  }

  func close() async throws { try await journal.close() }

  /// A link made of the file moves its change time: then the daemon compares the bytes, and this takes them for the same.
  private func job(
    of file: RelativePath, in folder: InputFolder, among records: [IngestedRecord]
  ) -> String? {
    do throws(SystemError) {
      let now = try folder.directory.status(file).snapshot
      return records.first {
        $0.inode == now.inode && $0.birth == now.birth && $0.size == now.size
          && $0.modified == now.modified
      }?.job
    } catch {
      // Gone since it was listed: there is nothing to leave out.
      return nil
    }
  }
}

/// Where a configured daemon keeps its journal.
func journalDirectory(_ configuration: ConfigurationFile?) throws(Failure) -> String {
  if let named = configuration?.state { return named }
  return try StateOptions.defaultDirectory { getenv($0).map { String(cString: $0) } }
}
