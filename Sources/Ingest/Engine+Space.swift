import Files
import Foundation
import Journal
import Paths
import ReadModel
import Transfer

extension Engine {
  /// Asks for the room once: no second question before the answer to the first.
  func regainJournalRoom() {
    if isRegainingRoom { return }
    isRegainingRoom = true
    Task {
      let journal = journal
      let hasRoom = await threads.run { journal.regainRoom() }
      isRegainingRoom = false
      if hasRoom { log.notice("the journal has room again: work goes on") }
      inbox.post(.journalRoom(hasRoom))
    }
  }

  /// For `health` and the log.
  var journalShortage: String {
    "the journal's disk is full: nothing new begins until there is room beside \(journal.path)"
  }
}
