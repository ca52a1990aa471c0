import Configuration
import Core
import FoundationEssentials

/// Reads settings one by one and keeps every complaint, so that an operator sees all of them at once.
struct SettingsReader {
    private let reader: ConfigReader
    private(set) var problems: [String] = []
    private(set) var warnings: [String] = []

    /// Why a value does not fit its setting.
    ///
    /// The text never holds the value of a secret.
    struct Unfit: Error {
        let why: String
        init(_ why: String) { self.why = why }
    }

    init(_ reader: ConfigReader) {
        self.reader = reader
    }

    mutating func complain(_ setting: Setting, _ why: String) {
        problems.append("\(setting.variable): \(why)")
    }

    mutating func warn(_ setting: Setting, _ what: String) {
        warnings.append("\(setting.variable) \(what)")
    }

    /// The value as `parse` reads it; nil when it is not given and need not be, or when a complaint was kept.
    mutating func value<Value>(_ setting: Setting, _ parse: (String) throws(Unfit) -> Value) async -> Value? {
        guard let text = await text(setting.variable, isSecret: setting.isSecret) ?? setting.fallback else {
            if setting.isRequired { complain(setting, "is required") }
            return nil
        }
        do throws(Unfit) {
            return try parse(text)
        } catch {
            complain(setting, error.why)
            return nil
        }
    }

    /// The same of a setting that may hold a credential among other things, and may stand in the file that its `_FILE`
    /// twin names.
    mutating func secretValue<Value>(
        _ setting: Setting, _ parse: (String) throws(Unfit) -> Value
    ) async -> Value? {
        guard let text = await secretText(setting, emptyIsNone: true) ?? setting.fallback else { return nil }
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
        return await isGiven("\(setting.variable)_FILE")
    }

    /// Whether the setting was given, in whatever way.
    func isGiven(_ setting: Setting) async -> Bool { await isGiven(setting.variable) }

    private func isGiven(_ variable: String) async -> Bool {
        do {
            return try await reader.fetchString(forKey: ConfigKey(Setting.path(of: variable))) != nil
        } catch {
            // A value of the wrong type was given, too.
            return true
        }
    }

    /// The text of a setting that is required for a reason.
    mutating func needed(_ setting: Setting, for reason: String) async -> String? {
        let text: String? = await value(setting) { (text) throws(Unfit) in
            guard !text.isEmpty else { throw .init("is empty") }
            return text
        }
        if text == nil, await !isGiven(setting) { complain(setting, "is required for BFF_AUTH=\(reason)") }
        return text
    }

    /// A credential, from the variable or from the file that its `_FILE` twin names.
    mutating func secret(_ setting: Setting) async -> Secret? {
        await secretText(setting).flatMap { checked(setting, $0) }
    }

    /// Several credentials in a comma list, read likewise; nil when there is none, or when a complaint was kept.
    mutating func secrets(_ setting: Setting) async -> [Secret]? {
        guard let text = await secretText(setting) else { return nil }
        let items = text.split(separator: ",", omittingEmptySubsequences: false).map { checked(setting, String($0)) }
        return items.contains { $0 == nil } ? nil : items.compactMap(\.self)
    }

    /// - Parameter emptyIsNone: For what an image sets, so that its twin can take its place.
    private mutating func secretText(_ setting: Setting, emptyIsNone: Bool = false) async -> String? {
        let twin = "\(setting.variable)_FILE"
        var inline = await text(setting.variable, isSecret: true)
        if emptyIsNone, inline == "" { inline = nil }
        let path = await text(twin, isSecret: false)
        switch (inline, path) {
        case (_?, _?):
            complain(setting, "is given twice, here and as \(twin); keep one")
        case (nil, nil):
            if setting.isRequired { complain(setting, "is required, here or as \(twin)") }
        case (let text?, nil):
            return text
        case (nil, let path?):
            do throws(Unfit) {
                return try contents(of: path, named: twin)
            } catch {
                complain(setting, error.why)
            }
        }
        return nil
    }

    private mutating func checked(_ setting: Setting, _ text: String) -> Secret? {
        let placeholders = ["changeme", "deadbeef", "password", "secret", "example"]
        if text.isEmpty {
            complain(setting, "is empty")
        } else if !Secret.isToken68(text) {
            complain(setting, "holds a blank, a line end or another character that a credential cannot have")
        } else if text.utf8.count < 8 || placeholders.contains(where: { text.lowercased().contains($0) }) {
            complain(setting, "looks like a placeholder; put the real one there")
        } else {
            return Secret(text)
        }
        return nil
    }

    private mutating func contents(of path: String, named twin: String) throws(Unfit) -> String {
        let file = try Self.guarded(path, called: "the file that \(twin) names")
        if file.mode & 0o004 != 0 { warnings.append("\(twin): the file may be read by anybody; chmod o-r it") }
        // Editors and `echo` end a file with a line end that belongs to nobody's key.
        let text = String(decoding: file.bytes.prefix(Secret.maximumLength + 2), as: UTF8.self)
        return text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    /// Reads a file that decides who is believed; refused when anybody may write it.
    static func guarded(_ path: String, called name: String) throws(Unfit) -> TrustedFile {
        do throws(TrustedFile.Unfit) {
            return try TrustedFile(path)
        } catch {
            throw error.problem(name)
        }
    }

    private mutating func text(_ variable: String, isSecret: Bool) async -> String? {
        do {
            // Not `string(forKey:default:)`: it takes the default for a malformed value and says nothing.
            return try await reader.fetchString(forKey: ConfigKey(Setting.path(of: variable)), isSecret: isSecret)
        } catch {
            problems.append("\(variable): is not a text; put it in quotes in the file")
            return nil
        }
    }
}
