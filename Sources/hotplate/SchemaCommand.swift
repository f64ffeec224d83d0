import ArgumentParser
import Rules

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Print the JSON Schema of a rule file, for editors.",
    discussion: """
      An editor that knows it completes the words of a rule and marks a wrong one while it is written. \
      Editors with the YAML language server read it where a rule file begins with
        # yaml-language-server: $schema=schema.json

      Example:
        hotplate schema > rules/schema.json
      """)

  func run() { printLines([String(ruleFileSchema.dropLast())]) }
}
