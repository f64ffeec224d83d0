import Ingest
import Journal
import ReadModel

// What the commands about jobs need of the engine's side. Both look without changing anything.

/// The journal of a state directory, to be read while no daemon runs; nil if there is none.
func openJournal(stateDirectory: String) async throws -> (any JobReader)? {
  do {
    return JournalReader(try Journal(readingStateDirectory: stateDirectory))
  } catch {
    if case .absent = error { return nil }
    throw Failure(.noDaemon, "\(error)")
  }
}

/// The state directory that a configuration file names; nil if it names none.
func stateDirectory(ofConfiguration path: String) throws -> String? {
  try ConfigurationFile(reading: path).state
}
