import Files
import Paths

/// How the sources of a cancelled plan lie; each file counts once.
public struct SourceAccount: Hashable, Sendable {
  /// Where and as the plan knows them, but for a ctime that our own links moved.
  public var kept: Int
  /// Given back their names, out of a claim of this job.
  public var restored: Int
  /// Others than the plan knows.
  public var changed: Int
  public var missing: Int

  public init(kept: Int = 0, restored: Int = 0, changed: Int = 0, missing: Int = 0) {
    self.kept = kept
    self.restored = restored
    self.changed = changed
    self.missing = missing
  }
}

extension Transfer {
  /// Looks at every source of a plan that is called off, and puts back what this job had taken out of the way.
  ///
  /// Before the commit nothing is ever taken; a claim that stands all the same is a person's frame.
  ///
  /// - Throws: `.sourceRoot` where the hot folder cannot be opened, and `.io`.
  public func account(for plan: TransferPlan) async throws(TransferError) -> SourceAccount {
    try await filing.perform { _ throws(TransferError) in
      let root: Descriptor
      do throws(SystemError) { root = try Descriptor.directory(at: plan.sourceRoot) } catch {
        throw .sourceRoot(error)
      }
      let claims = Claims(plan, root, faults)
      var account = SourceAccount()
      do throws(SystemError) {
        var places = Places(root)
        var claimed = Places(root)
        for file in plan.files {
          if try claimed.look(claims.claimed(file.source)) != nil {
            do throws(SystemError) {
              try claims.giveBack(file.source)
              account.restored += 1
            } catch  where error.errno == .exists {
              // A newer file has its name; the next start says where this one lies.
              account.changed += 1
            }
          } else if let there = try places.look(file.source) {
            if there.kind == .file, there.snapshot.isSameContent(as: file.snapshot) {
              account.kept += 1
            } else {
              account.changed += 1
            }
          } else {
            account.missing += 1
          }
        }
      } catch {
        throw .io(error, nil)
      }
      claims.close(Set(plan.files.map(\.source.parent)))
      return account
    }
  }
}
