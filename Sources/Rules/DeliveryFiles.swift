public import Paths

// The files beside frames that say whether all is there: markers and manifests.

extension RuleSet {
  /// The file that must be there (`ready.marker`): in the delivery's directory, or the sequence's own without `together`.
  ///
  /// - Precondition: `assignment.outcome` is `.taken`, by this rule set.
  /// - Returns: nil if the rule wants none.
  /// - Throws: why it has no name.
  public func deliveryMarker(of assignment: Assignment) throws(DestinationError) -> RelativePath? {
    guard let match = assignment.match, let marker = match.compiled.marker else { return nil }
    let file = assignment.files[0]
    let values = FileValues(
      rule: match.rule.name, file: file, tokens: match.values,
      slot: match.slot.flatMap { slot(of: file.name ?? FileName([]), like: $0, in: assignment) },
      delivery: match.delivery)
    let expansion = try values.expanded(marker)
    guard let name = RelativePath(expansion.path), !name.isRoot else {
      throw values.error(.notAPath(expansion.path))
    }
    return (match.delivery ?? assignment.directory).appending(name)
  }

  /// Whether a path is a list of what must be there (`ready.manifest`): anywhere below the delivery's directory, or in
  /// the sequence's own without `together`.
  public func isManifest(_ path: RelativePath, of assignment: Assignment) -> Bool {
    guard let match = assignment.match, let manifest = match.compiled.manifest else { return false }
    if let delivery = match.delivery {
      guard path != delivery, path.isAtOrBelow(delivery) else { return false }
    } else if path.parent != assignment.directory {
      return false
    }
    let values = match.values
    return path.bytes.withUnsafeBufferPointer { bytes in
      let subject = Subject(bytes)
      let scratch = MatchScratch.current
      let (outcome, start) = manifest.match(subject, scratch)
      return outcome == .matched
        && manifest.disagreement(subject, start, scratch) == nil
        && manifest.disagreement(subject, start, scratch, with: values) == nil
    }
  }

  /// Whether a path could be the marker or a manifest of some rule: then nobody misses a rule that takes it.
  public func isCompanion(_ path: RelativePath) -> Bool {
    path.bytes.withUnsafeBufferPointer { bytes in
      let subject = Subject(bytes)
      let scratch = MatchScratch.current
      return compiled.contains { rule in
        rule.companions.contains { pattern in
          let (outcome, start) = pattern.match(subject, scratch)
          return outcome == .matched && pattern.disagreement(subject, start, scratch) == nil
        }
      }
    }
  }
}

extension Template {
  /// What fits everything that this may become: a token where its value is what stands in the path, else a `*`.
  var elements: [PathPattern.Element] {
    func elements(_ pieces: [Piece]) -> [PathPattern.Element] {
      pieces.flatMap { piece -> [PathPattern.Element] in
        switch piece {
        case .literal([ASCII.slash]): [.slash]
        case .literal(let bytes): [.literal(bytes)]
        case .optional(let inner): [.optional(elements(inner))]
        case .value(let value):
          value.keepsItsToken && !Token.computed.contains(value.name)
            ? [.token(value.use)] : [.star]
        }
      }
    }
    return elements(pieces)
  }
}

extension Template.Value {
  /// Whether what is written is a spelling of the token: case does not count in a pattern.
  fileprivate var keepsItsToken: Bool {
    filters.allSatisfy { [.upper, .lower, .raw].contains($0) }
  }
}

extension PathPattern {
  /// The same elements below a directory.
  func below(_ directory: PathPattern?, anyDepth: Bool) -> PathPattern {
    guard let directory else { return self }
    return PathPattern(
      text: "\(directory.text)/\(text)",
      elements: directory.elements + [.slash] + (anyDepth ? [.doubleStar, .slash] : []) + elements,
      isFromRoot: directory.isFromRoot, hasSlash: true)
  }
}
