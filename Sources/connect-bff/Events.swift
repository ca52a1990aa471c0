import ArgumentParser
import Core
import FoundationEssentials
import Sessions

/// `connect-bff events`.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Events for your own backend: delivered, pending and dead.",
        discussion: "The service may run meanwhile.", subcommands: [List.self, Replay.self])

    /// `connect-bff events list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the latest events, one a line, with their state.")

        @Option(help: "How many.")
        var limit = 100

        @Option(help: "A YAML file with settings.")
        var config: String?

        func validate() throws {
            guard (1...100_000).contains(limit) else { throw ValidationError("A limit is from 1 to 100000.") }
        }

        func run() async throws {
            let events = try await StoreSettings.query(config) { outbox throws(BFFError) in
                try await outbox.events(limit: limit)
            }
            StandardStream.output(events.map { Self.line($0) + "\n" }.joined())
        }

        private static func line(_ kept: KeptEvent) -> String {
            let event = kept.event.event
            var parts = [
                event.at.formatted(.iso8601), event.id.text, event.type, kept.state.rawValue,
                "attempts=\(kept.event.attempts)",
            ]
            if let sequence = kept.event.sequence { parts.append("sequence=\(sequence)") }
            if let session = event.session { parts.append("session=\(session)") }
            if let answer = kept.answer { parts.append("answer=\(answer)") }
            return parts.joined(separator: " ")
        }
    }

    /// `connect-bff events replay`.
    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deliver again the events since a time, dead ones included.",
            discussion: "The running service delivers them, with the same ids and sequence numbers.")

        @Option(help: "A date and time as in RFC 3339, such as 2026-11-23T12:00:00Z.")
        var since: String

        @Option(help: "A YAML file with settings.")
        var config: String?

        private var date: Date? { RFC3339Timestamp(since).map { Date($0) } }

        func validate() throws {
            guard date != nil else {
                throw ValidationError("--since must be a date and time as in RFC 3339, such as 2026-11-23T12:00:00Z.")
            }
        }

        func run() async throws {
            let date = date ?? .distantFuture
            let count = try await StoreSettings.query(config) { outbox throws(BFFError) in
                try await outbox.replay(since: date, at: Date())
            }
            StandardStream.output("\(count.counted("event")) will be delivered again\n")
        }
    }
}
