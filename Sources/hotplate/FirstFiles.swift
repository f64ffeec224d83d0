import Rules

// What `init` writes.

/// Made before the files, in this order.
let firstDirectories = ["rules", "drop", "projects"]

let firstFiles = [
  (name: "hotplate.yaml", text: firstConfiguration),
  (name: "rules/10-first.yaml", text: firstRules),
  (name: "rules/schema.json", text: ruleFileSchema),
]

private let firstConfiguration = #"""
  # Start with:  hotplate watch --config hotplate.yaml
  # Paths count from the directory of this file. ${VAR} in a root is a variable of the environment.

  # Where sequences go. A rule without 'root' goes to the default one.
  roots:
    default: projects
    # MOON: /mnt/p1/moon

  # What is watched. A rule may ask for a name: when: { hot_folder: drop }
  hot_folders:
    - { path: drop, name: drop }
    # - { path: /mnt/vendor, name: vendor }

  # The rule files, *.yaml, in the order of their names. Saving one is enough: the daemon reads it again.
  rules: rules

  # The journal and the socket: a local disk, outside of the folders above.
  # 'hotplate jobs --config hotplate.yaml' finds the daemon by it.
  state: state

  # HTTP for this machine; without it there is the unix socket only.
  # listen: 127.0.0.1:4280      # the page and the API; this is the default

  # Threads that copy.
  # workers: 2

  # 'safe' syncs every frame before anything is published; 'fast' syncs right after.
  durability: fast

  """#

private let firstRules = #"""
  # yaml-language-server: $schema=schema.json
  # After a change:  hotplate check rules     (a file with a mistake is not loaded; its last good text stays active)

  hotplate: 1

  tokens:
    ext: [exr, dpx, png, jpg, tif]        # one of these; letters' case does not matter

  rules:
    # sh010_v1.1001.exr is a frame of shot sh010, version 1. Files that differ in {frame} alone are one sequence.
    - rule: renders
      about: Frames named SHOT_vVERSION.FRAME.EXT
      match: '{shot}_v{version}.{frame}.{ext}'
      ready: { quiet: 2s }                # taken when nothing has changed for so long
      to: '{shot}/v{version:03d}/{shot}_v{version:03d}.{frame:04d}.{ext|lower}'
      transfer: copy                      # or move
      conflict: hold                      # where something else lies: wait for a person; or skip, replace, version-up
      examples:                           # run at every load: a rule that breaks its example is not loaded
        - { given: 'sh010_v1.[1-10].exr', becomes: 'sh010/v001/sh010_v001.[0001-0010].exr' }
        - { given: 'sh010_final.[1-10].exr', refused: no version }

  """#
