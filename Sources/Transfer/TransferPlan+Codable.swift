import Files
import Paths

extension TransferPlan: Codable {
  private enum Key: String, CodingKey {
    case id, actions, verify, durability, conflict, files, sourceRoot, destinationRoot, owner
    /// Of plans written before there was a list.
    case action
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    id = try values.decode(String.self, forKey: .id)
    actions =
      try values.decodeIfPresent([Action].self, forKey: .actions)
      ?? [values.decode(Action.self, forKey: .action)]
    guard areActions(actions) else {
      throw DecodingError.dataCorruptedError(
        forKey: .actions, in: values, debugDescription: "no action, or move with others")
    }
    verify = try values.decode(Verification.self, forKey: .verify)
    durability = try values.decode(Durability.self, forKey: .durability)
    conflict = try values.decode(ConflictRule.self, forKey: .conflict)
    files = try values.decode([PlannedFile].self, forKey: .files)
    sourceRoot = try values.decode(String.self, forKey: .sourceRoot)
    destinationRoot = try values.decode(String.self, forKey: .destinationRoot)
    owner = try values.decode(String.self, forKey: .owner)
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(id, forKey: .id)
    try values.encode(actions, forKey: .actions)
    try values.encode(verify, forKey: .verify)
    try values.encode(durability, forKey: .durability)
    try values.encode(conflict, forKey: .conflict)
    try values.encode(files, forKey: .files)
    try values.encode(sourceRoot, forKey: .sourceRoot)
    try values.encode(destinationRoot, forKey: .destinationRoot)
    try values.encode(owner, forKey: .owner)
  }
}

extension PlannedFile: Codable {
  private enum Key: String, CodingKey { case source, snapshot, destination }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    source = try values.decode(ExactPath.self, forKey: .source).path
    snapshot = try values.decode(Snapshot.self, forKey: .snapshot)
    destination = try values.decode(ExactPath.self, forKey: .destination).path
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(ExactPath(path: source), forKey: .source)
    try values.encode(snapshot, forKey: .snapshot)
    try values.encode(ExactPath(path: destination), forKey: .destination)
  }
}

/// A path as text where its bytes are UTF-8, else as an array of bytes: readable, and never repaired.
struct ExactPath: Codable {
  let path: RelativePath

  init(path: RelativePath) { self.path = path }

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    let bytes =
      if let text = try? value.decode(String.self) { Array(text.utf8) } else {
        try value.decode([UInt8].self)
      }
    guard let path = RelativePath(bytes) else {
      throw DecodingError.dataCorruptedError(in: value, debugDescription: "not a relative path")
    }
    self.path = path
  }

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    if let text = String(validating: path.bytes, as: UTF8.self) {
      try value.encode(text)
    } else {
      try value.encode(path.bytes)
    }
  }
}
