import Foundation
import FoundationXML
import Paths

/// Reads media hash lists: MHL 1.x and ASC MHL 2.0.
///
/// On Linux, XMLParser goes on after errors and then tells of success (swift-corelibs-foundation #5281): here the first
/// error is the end, and the root has to be closed.
final class HashListReader: XMLParserDelegate {
  static let maximumDepth = 64
  /// Bytes of a tag with the text after it; a path of PATH_MAX, each byte an entity, has 24 KiB.
  static let maximumTag = 32 << 10

  private let manifest: FileName
  private var format = Manifest.Format.mediaHashList
  private var entries: [Manifest.Entry] = []
  private var references: [RelativePath] = []

  /// Blank ones before the document.
  private var linesBefore = 0
  private var open: [String] = []
  private var rootIsClosed = false
  private var failure: HashListProblem?
  private var element: HashListElement?
  /// How many elements are open directly within the entry.
  private var elementDepth = 0
  /// The text of the element's child that is open.
  private var text: [UInt8] = []

  private init(manifest: FileName) { self.manifest = manifest }

  static func read(_ text: ArraySlice<UInt8>, named manifest: FileName) throws(ManifestError)
    -> Manifest
  {
    let reader = HashListReader(manifest: manifest)
    do throws(HashListProblem) {
      try reader.parse(text)
    } catch {
      throw ManifestError(
        manifest: manifest, line: error.line, problem: error.problem,
        mayBeHalfWritten: error.problem == .cutXML)
    }
    return Manifest(format: reader.format, entries: reader.entries, references: reader.references)
  }

  private func parse(_ text: ArraySlice<UInt8>) throws(HashListProblem) {
    // XMLParser wants the document's start at its own, and 4 bytes to begin with.
    let document = text.drop(while: isSpace)
    linesBefore = text[..<document.startIndex].count { $0 == UInt8(ascii: "\n") }
    let end = document.lastIndex { !isSpace($0) } ?? document.startIndex
    let lastLine = 1 + linesBefore + document[..<end].count { $0 == UInt8(ascii: "\n") }
    if document.count < "<hashlist/>".utf8.count || document[end] != UInt8(ascii: ">") {
      throw HashListProblem(lastLine, .cutXML)
    }
    try guardHashList(text)

    // From a stream: given whole, large documents fail (swift-corelibs-foundation #4851).
    let parser = XMLParser(stream: InputStream(data: Data(document)))
    parser.shouldResolveExternalEntities = false
    parser.delegate = self
    let isWhole = withExtendedLifetime(self) { parser.parse() }
    if let failure {
      // What breaks off has one of a dozen codes, and the parser stands at the end.
      guard case .notXML = failure.problem, !rootIsClosed, failure.line >= lastLine else {
        throw failure
      }
      throw HashListProblem(lastLine, .cutXML)
    }
    guard isWhole, rootIsClosed else { throw HashListProblem(lastLine, .cutXML) }
  }

  private func line(_ parser: XMLParser) -> Int { linesBefore + parser.lineNumber }

  private func stop(_ parser: XMLParser, _ problem: ManifestError.Problem) {
    if failure != nil { return }
    failure = HashListProblem(line(parser), problem)
    parser.abortParsing()
  }

  func parser(
    _ parser: XMLParser, didStartElement qualified: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    if failure != nil { return }
    let name = localName(qualified)
    if open.isEmpty {
      guard name == "hashlist" else { return stop(parser, .notAHashList(root: shownName(name))) }
      if attributes["version"]?.hasPrefix("2") ?? false { format = .ascMediaHashList }
    }
    if open.count == HashListReader.maximumDepth { return stop(parser, .tooDeep) }
    if element != nil {
      if open.count == elementDepth {
        text = []
        element?.start(name, attributes)
      }
    } else if isEntry(name) {
      elementDepth = open.count + 1
      element = HashListElement(
        isDirectory: attributes["directory"] == "true" || attributes["directory"] == "1",
        isReference: name == "hashlistreference", format: format)
    }
    open.append(name)
  }

  /// `hash` and `hashlistreference` below the root or its lists; `directoryhash` and `roothash` speak of no file.
  private func isEntry(_ name: String) -> Bool {
    switch name {
    case "hash": open == ["hashlist"] || open == ["hashlist", "hashes"]
    case "hashlistreference": open == ["hashlist"] || open == ["hashlist", "references"]
    default: false
    }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if element != nil, open.count == elementDepth + 1 { text += string.utf8 }
  }

  func parser(_ parser: XMLParser, foundCDATA block: Data) {
    if element != nil, open.count == elementDepth + 1 { text += block }
  }

  func parser(
    _ parser: XMLParser, didEndElement qualified: String, namespaceURI: String?,
    qualifiedName: String?
  ) {
    guard failure == nil, let name = open.popLast() else { return }
    rootIsClosed = open.isEmpty
    guard element != nil else { return }
    do throws(ManifestError.Problem) {
      if open.count == elementDepth {
        try element?.end(name, text)
      } else if open.count == elementDepth - 1 {
        let finished = element
        element = nil
        guard let entry = try finished?.entry(line: line(parser)) else { return }
        if entry.path.bytes == manifest.bytes { return }
        if entries.count == Manifest.maximumEntries { throw .tooManyEntries }
        entries.append(entry)
        if finished?.isReference ?? false { references.append(entry.path) }
      }
    } catch {
      stop(parser, error)
    }
  }

  func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) {
    let code = (error as NSError).code
    // libxml2's warnings come this way too; these three are of the language and names of name spaces.
    if (98...100).contains(code) { return }
    stop(parser, .notXML(code: code))
  }

  func parser(
    _ parser: XMLParser, foundInternalEntityDeclarationWithName name: String, value: String?
  ) {
    stop(parser, .documentType)
  }

  func parser(
    _ parser: XMLParser, foundExternalEntityDeclarationWithName name: String, publicID: String?,
    systemID: String?
  ) {
    stop(parser, .documentType)
  }
}

private func localName(_ qualified: String) -> String {
  guard let colon = qualified.utf8.lastIndex(of: UInt8(ascii: ":")) else { return qualified }
  return String(qualified[qualified.utf8.index(after: colon)...])
}

private func shownName(_ name: String) -> String { shown(Array(name.utf8.prefix(60))) }
