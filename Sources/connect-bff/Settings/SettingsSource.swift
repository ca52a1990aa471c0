import Configuration

/// Where settings come from: environment variables and, with lower precedence, a YAML file.
struct SettingsSource: Sendable {
    let environment: [String: String]
    /// The path of the file, if there is one.
    let file: String?

    /// Reads one group of settings.
    /// - Throws: Every problem in the group and in the file.
    func read<Group>(_ group: (inout SettingsReader) async -> Group?) async throws(Settings.Invalid) -> Group {
        var reader = try reader()
        let value = await group(&reader)
        guard reader.problems.isEmpty, let value else {
            throw Settings.Invalid(problems: reader.problems, warnings: reader.warnings)
        }
        return value
    }

    /// Reads one group of settings for a reload.
    func reread<Group>(_ group: (inout SettingsReader) async -> Group?) async throws(ReloadFailure) -> Group {
        do throws(Settings.Invalid) { return try await read(group) } catch {
            throw ReloadFailure(why: error.problems.joined(separator: "; "))
        }
    }

    private func reader() throws(Settings.Invalid) -> SettingsReader {
        // Empty is not set: Compose passes every variable that its file names.
        let given = environment.filter { !$0.value.isEmpty }
        let secrets = Set(Setting.all.filter(\.isSecret).map(\.variable))
        let settings = try file.map { (path) throws(Settings.Invalid) in try SettingsFile(path) }
        let providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(environmentVariables: given, secretsSpecifier: .specific(secrets)),
            InMemoryProvider(values: settings?.values ?? [:]),
        ]
        return SettingsReader(
            ConfigReader(providers: providers), problems: settings?.problems ?? [],
            warnings: SettingName.warnings(about: given))
    }
}
