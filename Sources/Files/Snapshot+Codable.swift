extension Snapshot: Codable {
  private enum Key: String, CodingKey { case inode, birth, size, modified, changed }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    self.init(
      inode: try values.decode(UInt64.self, forKey: .inode),
      birth: try values.decode(Int64.self, forKey: .birth),
      size: try values.decode(Int.self, forKey: .size),
      modified: try values.decode(Int64.self, forKey: .modified),
      changed: try values.decode(Int64.self, forKey: .changed))
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(inode, forKey: .inode)
    try values.encode(birth, forKey: .birth)
    try values.encode(size, forKey: .size)
    try values.encode(modified, forKey: .modified)
    try values.encode(changed, forKey: .changed)
  }
}

extension Snapshot {
  /// Whether both are the same state of the same file but for ctime, which a link or a rename of ours changes too.
  public func isSameContent(as other: Snapshot) -> Bool {
    inode == other.inode && birth == other.birth && size == other.size && modified == other.modified
  }
}
