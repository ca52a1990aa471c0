import AsyncHTTPClient
package import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Resilience

/// Whether a host answers.
package enum HostReach: Sendable {
    /// - Parameters:
    ///   - date: The host's clock, as its `Date` header has it.
    ///   - requestedAt: Ours, half-way between question and answer.
    case answers(date: Date?, requestedAt: Date)
    case fails(Obstacle)

    /// What stands between us and a host.
    package enum Obstacle: Sendable {
        case nameUnknown
        case refused
        case noAnswer
        /// The certificate is not for that host, has expired, or comes from an authority that is not trusted.
        case certificate
        case broken
    }
}

extension HTTPTransport {
    /// Whether anything answers at `url`, whatever it says, within 5 seconds.
    package func reach(_ url: String, _ now: @Sendable () -> Date) async -> HostReach {
        let asked = now()
        do {
            let date = try await head(of: url)
            let took = now().timeIntervalSince(asked)
            return .answers(date: date.flatMap(RetryAfter.date), requestedAt: asked.addingTimeInterval(took / 2))
        } catch {
            return .fails(HostReach.Obstacle(error))
        }
    }
}

extension HostReach.Obstacle {
    fileprivate init(_ error: any Error) {
        self =
            switch error {
            case let error as NIOConnectionError where error.connectionErrors.isEmpty: .nameUnknown
            case is NIOConnectionError: .refused
            case let error as IOError: error.errnoCode == ECONNREFUSED ? .refused : .broken
            case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: .certificate
            case is DeadlineExceeded: .noAnswer
            case let error as HTTPClientError where [.connectTimeout, .deadlineExceeded].contains(error): .noAnswer
            default: .broken
            }
    }
}
