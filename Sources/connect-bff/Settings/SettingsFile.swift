import Configuration
import Yams

/// The YAML file with settings.
struct SettingsFile {
    private(set) var values: [AbsoluteConfigKey: ConfigValue] = [:]
    /// What is wrong with its keys.
    private(set) var problems: [String] = []

    /// - Throws: When the file is unfit, or is not YAML.
    init(_ path: String) throws(Settings.Invalid) {
        let bytes: [UInt8]
        do throws(TrustedFile.Unfit) {
            bytes = try TrustedFile(path).bytes
        } catch {
            throw Settings.Invalid(problems: ["--config: \(error.problem(path).why)"])
        }
        // The parser's errors quote lines of the file, which may be secrets.
        let notYAML = Settings.Invalid(problems: ["--config: \(path) cannot be read as YAML"])
        guard let text = String(validating: bytes, as: UTF8.self) else { throw notYAML }
        let root: Node?
        do {
            root = try Parser(yaml: text, encoding: .utf8).singleRoot()
        } catch {
            throw notYAML
        }
        // A file without a key, as when all of them are commented out.
        guard let root, root.null == nil else { return }
        guard case .mapping(let mapping) = root else { throw notYAML }
        add(mapping, below: [])
    }

    private mutating func add(_ mapping: Node.Mapping, below path: [String]) {
        for (node, value) in mapping {
            let path = path + [node.scalar?.string ?? "?"]
            let name = path.joined(separator: ".")
            let isSetting = SettingName.keys.contains(name)
            // Empty is not set, and a section may be empty.
            let isEmpty = value.null != nil || value.scalar?.string.isEmpty == true
            // Not `path`: `bff.publicUrl` may be written as one key.
            let key = AbsoluteConfigKey(ConfigKey(name))
            switch value {
            case .mapping(let inner) where !isSetting: add(inner, below: path)
            case _ where !isSetting:
                if isEmpty, SettingName.sections.contains(name) { continue }
                let line = node.mark.map { "line \($0.line): " } ?? ""
                problems.append(
                    "--config: \(line)\(name) is not a setting\(SettingName.nearest(to: name, among: SettingName.keys))"
                )
            case .scalar where values[key] != nil:
                problems.append("--config: \(name) is given twice, nested and as one key; keep one")
            case .scalar(let scalar):
                if !isEmpty { values[key] = ConfigValue(.string(scalar.string), isSecret: true) }
            // No setting is a list or a mapping: the reader reports it.
            default: values[key] = ConfigValue(.stringArray([]), isSecret: true)
            }
        }
    }
}
