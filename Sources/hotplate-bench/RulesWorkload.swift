import Paths

// Fifty intakes as a studio of some years has them, and names that reach every one, and some that reach none.

extension RulesBenchmark {
  /// Token definitions that all rules share.
  static let head = #"""
    hotplate: 1
    tokens:
      shot: '[a-z]{2,4}\d{3,4}'
      ext: [exr, dpx, png, tif, jpg]
      layer: { beauty: [rgba, arnoldbeauty], depth: [z, zdepth], normal: [n, nrm], "*": '[a-z]\w*' }
    rules:

    """#

  /// Departments whose frames are named alike, but for the department's word and the ending.
  private static let departments = [
    "anim", "comp", "cfx", "dmp", "edit", "fx", "lay", "light", "matte", "model", "paint", "prep",
    "previs", "render", "roto", "slap", "surf", "track", "turn", "wedge",
  ]

  static let rules: [String] =
    departments.flatMap { department in
      [
        "  - { rule: \(department)-frames, match: '{shot}_\(department)_{layer}_v{version}.{frame}.exr', to: '{shot}/\(department)/v{version:03d}/{layer}/{name}' }",
        "  - { rule: \(department)-review, match: '{shot}_\(department)_v{version}<_{view}>.{frame}.jpg', to: '{shot}/review/{name}' }",
      ]
    } + [
      "  - { rule: plates, match: '{shot}_{plate}_pl_v{version}.{frame}.dpx', to: '{shot}/plates/{name}' }",
      "  - { rule: camera, match: 'A{reel}C{clip}_{take}.ari', to: 'camera/{name}' }",
      "  - { rule: textures, match: '{asset}_{channel}_v{version}.{udim}.tif', to: '{asset}/{name}' }",
      "  - { rule: turntables, match: '{asset}_tt_v{version}.{frame}.png', to: '{asset}/tt/{name}' }",
      "  - { rule: deep, match: 'deep_{shot}_v{version}.{frame}.exr', to: '{shot}/deep/{name}' }",
      "  - { rule: masks, match: '{shot}_mask{index}_v{version}.{frame}.exr', to: '{shot}/masks/{name}' }",
      "  - { rule: reference, match: '{shot}_ref_{subject}.{ext}', to: '{shot}/ref/{name}' }",
      "  - { rule: movies, match: '{shot}_v{version}.mov', to: '{shot}/mov/{name}' }",
      "  - { rule: cameras, match: '{shot}_cam_v{version}.abc', to: '{shot}/cam/{name}' }",
      "  - { rule: anything, match: '{shot}_v{version}.{frame}.{ext}', to: '{shot}/other/{name}' }",
    ]

  /// The same patterns as Python reads them, in the same order.
  static let expressions: [String] = {
    let shot = "(?P<shot>[a-z]{2,4}[0-9]{3,4})"
    let version = #"(?P<version>[0-9]+)"#
    let frame = "(?P<frame>-?[0-9]+)"
    let word = "[^/._]+"
    let ext = "(exr|dpx|png|tif|jpg)"
    return departments.flatMap { department in
      [
        #"\#(shot)_\#(department)_(?P<layer>[a-z]\w*)_v\#(version)\.\#(frame)\.exr"#,
        #"\#(shot)_\#(department)_v\#(version)(_(left|right|l|r))?\.\#(frame)\.jpg"#,
      ]
    } + [
      #"\#(shot)_\#(word)_pl_v\#(version)\.\#(frame)\.dpx"#,
      #"A\#(word)C\#(word)_\#(word)\.ari"#,
      #"\#(word)_\#(word)_v\#(version)\.(?P<udim>[0-9]{4})\.tif"#,
      #"\#(word)_tt_v\#(version)\.\#(frame)\.png"#,
      #"deep_\#(shot)_v\#(version)\.\#(frame)\.exr"#,
      #"\#(shot)_mask\#(word)_v\#(version)\.\#(frame)\.exr"#,
      #"\#(shot)_ref_\#(word)\.\#(ext)"#,
      #"\#(shot)_v\#(version)\.mov"#,
      #"\#(shot)_cam_v\#(version)\.abc"#,
      #"\#(shot)_v\#(version)\.\#(frame)\.\#(ext)"#,
    ]
  }()

  /// Four fifths are frames of some department; the rest go to the rules below, and one in twenty to none.
  func shuffledNames() -> [RelativePath] {
    let layers = ["rgba", "z", "nrm", "spec", "diffuse_direct"]
    var made: [String] = []
    for index in 0..<names {
      let shot = "sh\(1000 + index / 500 % 400)"
      let frame = 1001 + index % 100
      let department = Self.departments[index / 100 % Self.departments.count]
      switch index / 100 % 20 {
      case 0..<12:
        made.append("\(shot)_\(department)_\(layers[index / 2000 % 5])_v003.\(frame).exr")
      case 12..<16: made.append("\(shot)_\(department)_v003_left.\(frame).jpg")
      case 16: made.append("\(shot)_bg\(index / 2000)_pl_v001.\(frame).dpx")
      case 17: made.append("chair\(index / 2000)_diff_v002.\(1001 + index % 100).tif")
      case 18: made.append("\(shot)_v\(100 + index / 2000).\(frame).exr")
      default: made.append("render.tmp.\(index)_final_FINAL.bak")
      }
    }
    var random = FixedGenerator()
    made.shuffle(using: &random)
    return made.map { RelativePath($0)! }
  }
}
