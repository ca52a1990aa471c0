import Configuration
import Core
import FoundationEssentials

/// Reads settings one by one and keeps every problem, so that an operator sees all of them at once.
struct SettingsReader {
    private let reader: ConfigReader
    private(set) var problems: [String]
    private(set) var warnings: [String]

    /// Why a value does not fit its setting.
    ///
    /// The text never contains the value of a secret.
    struct Unfit: Error {
        let why: String
        init(_ why: String) { self.why = why }
    }

    /// The value of a variable.
    private enum Given {
        case nothing
        /// A problem was kept.
        case unfit
        case text(String)
    }

    /// - Parameters:
    ///   - problems: Problems found before.
    ///   - warnings: Warnings found before.
    init(_ reader: ConfigReader, problems: [String], warnings: [String]) {
        self.reader = reader
        self.problems = problems
        self.warnings = warnings
    }

    mutating func complain(_ setting: Setting, _ why: String) {
        problems.append("\(setting.variable): \(why)")
    }

    mutating func warn(_ setting: Setting, _ what: String) {
        warnings.append("\(setting.variable) \(what)")
    }

    /// The value as `parse` reads it; `nil` when it is optional and not given, or when there is a problem.
    mutating func value<Value>(_ setting: Setting, _ parse: (String) throws(Unfit) -> Value) async -> Value? {
        parsed(setting, await given(setting.variable, isSecret: setting.isSecret), parse)
    }

    /// The value as `parse` reads it, from the variable or from the file that its `_FILE` twin names: for a setting that
    /// may contain a credential.
    mutating func secretValue<Value>(_ setting: Setting, _ parse: (String) throws(Unfit) -> Value) async -> Value? {
        parsed(setting, await givenSecret(setting), parse)
    }

    private mutating func parsed<Value>(
        _ setting: Setting, _ given: Given, _ parse: (String) throws(Unfit) -> Value
    ) -> Value? {
        let text: String
        switch given {
        case .text(let given): text = given
        case .unfit: return nil
        case .nothing:
            guard let fallback = setting.fallback else {
                if setting.isRequired { complain(setting, "is required") }
                return nil
            }
            text = fallback
        }
        do throws(Unfit) {
            return try parse(text)
        } catch {
            complain(setting, error.why)
            return nil
        }
    }

    /// Whether a secret was given, here or in a file.
    func isSecretGiven(_ setting: Setting) async -> Bool {
        if await isGiven(setting) { return true }
        return await isGiven(setting.twin)
    }

    /// Whether the setting was given, valid or not.
    func isGiven(_ setting: Setting) async -> Bool { await isGiven(setting.variable) }

    private func isGiven(_ variable: String) async -> Bool {
        do {
            return try await reader.fetchString(forKey: ConfigKey(Setting.path(of: variable))) != nil
        } catch {
            // A value of the wrong type was given, too.
            return true
        }
    }

    /// The text of a setting that a method of `BFF_AUTH` requires.
    mutating func needed(_ setting: Setting, for method: String) async -> String? {
        switch await given(setting.variable, isSecret: setting.isSecret) {
        case .text(let text): return text
        case .unfit: return nil
        case .nothing:
            complain(setting, "is required for BFF_AUTH=\(method)")
            return nil
        }
    }

    /// A credential, from the variable or from the file that its `_FILE` twin names.
    mutating func secret(_ setting: Setting) async -> Secret? {
        guard case .text(let text) = await givenSecret(setting) else { return nil }
        return checked(setting, text)
    }

    /// The credentials in a comma list, from the variable or from the file that its `_FILE` twin names.
    /// - Returns: `nil` when there is none, or when there is a problem.
    mutating func secrets(_ setting: Setting) async -> [Secret]? {
        guard case .text(let text) = await givenSecret(setting) else { return nil }
        let items = text.split(separator: ",", omittingEmptySubsequences: false).map { checked(setting, String($0)) }
        return items.contains { $0 == nil } ? nil : items.compactMap(\.self)
    }

    private mutating func givenSecret(_ setting: Setting) async -> Given {
        let twin = setting.twin
        let inline = await given(setting.variable, isSecret: true)
        let path = await given(twin, isSecret: false)
        switch (inline, path) {
        case (.nothing, .nothing):
            guard setting.isRequired else { return .nothing }
            complain(setting, "is required, here or as \(twin)")
        case (_, .nothing): return inline
        case (.nothing, .unfit): return .unfit
        case (.nothing, .text(let path)):
            do throws(Unfit) {
                return .text(try contents(of: path, named: twin))
            } catch {
                complain(setting, error.why)
            }
        default: complain(setting, "is given twice, here and as \(twin); keep one")
        }
        return .unfit
    }

    private mutating func checked(_ setting: Setting, _ text: String) -> Secret? {
        let placeholders = ["changeme", "deadbeef", "password", "secret", "example"]
        if text.isEmpty {
            complain(setting, "has an empty item")
        } else if !Secret.isToken68(text) {
            complain(setting, "holds a blank or another character that a credential cannot have")
        } else if text.utf8.count < 8 {
            complain(setting, "is shorter than 8 characters, which no real one is; put the whole of it there")
        } else if placeholders.contains(where: { text.lowercased().contains($0) }) {
            complain(setting, "looks like a placeholder; put the real one there")
        } else {
            return Secret(text)
        }
        return nil
    }

    private mutating func contents(of path: String, named twin: String) throws(Unfit) -> String {
        let name = "the file that \(twin) names"
        let file = try Self.guarded(path, called: name)
        if file.mode & 0o004 != 0 { warnings.append("\(twin): the file may be read by anybody; chmod o-r it") }
        guard file.bytes.count <= Secret.maximumLength + 2 else { throw .init("\(name) is too long for it") }
        // Editors and `echo` end a file with a line end, which is not part of the key.
        var bytes = file.bytes[...]
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.count < file.bytes.count, bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw .init("\(name) is empty") }
        let text = String(decoding: bytes, as: UTF8.self)
        if let flaw = Self.flaw(text) { throw .init("\(name) \(flaw)") }
        return text
    }

    /// Reads a file that decides who is trusted; refuses one that is world-writable.
    static func guarded(
        _ path: String, called name: String, limit: Int = TrustedFile.longest
    ) throws(Unfit) -> TrustedFile {
        do throws(TrustedFile.Unfit) {
            return try TrustedFile(path, limit: limit)
        } catch {
            throw error.problem(name)
        }
    }

    /// Reads one variable: the only access to the environment and the file.
    private mutating func given(_ variable: String, isSecret: Bool) async -> Given {
        let text: String?
        do {
            // Not `string(forKey:default:)`: it silently takes the default for a malformed value.
            text = try await reader.fetchString(forKey: ConfigKey(Setting.path(of: variable)), isSecret: isSecret)
        } catch {
            problems.append(
                "\(variable): is a list or a mapping in the file; write one text, with commas between its items")
            return .unfit
        }
        guard let text else { return .nothing }
        guard let flaw = Self.flaw(text) else { return .text(text) }
        problems.append("\(variable): \(flaw)")
        return .unfit
    }

    /// What is wrong with a text in any setting, such as a line end left by another program; `nil` when nothing is.
    private static func flaw(_ text: String) -> String? {
        let scalars = text.unicodeScalars
        let isControl = { (scalar: Unicode.Scalar) in
            [.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
        }
        // A byte order mark is as invisible as white space, and is none.
        let isBlank = { (scalar: Unicode.Scalar?) in
            scalar.map { $0.properties.isWhitespace || $0.properties.generalCategory == .format } ?? false
        }
        if scalars.contains(where: isControl) {
            return "holds a line end or another control character, as a file with the line ends of Windows leaves one"
        }
        if isBlank(scalars.first) || isBlank(scalars.last) { return "begins or ends with a blank; remove it" }
        if scalars.count > 1, let first = scalars.first, first == scalars.last, "\"'`".unicodeScalars.contains(first) {
            return "stands in quotes, which would be part of it; remove them"
        }
        return nil
    }
}
