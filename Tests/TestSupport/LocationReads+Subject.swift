package import Core
package import Flatpeak
package import FoundationEssentials
package import Sessions

/// Reads that begin with the check of who reads, as routes do.
extension LocationReads {
    package func status(of location: LocationID, for subject: Subject) async throws(BFFError) -> Response {
        try await status(with: try await access(to: location, for: subject))
    }

    package func tariffs(_ query: TariffQuery, for subject: Subject) async throws(BFFError) -> Response {
        try await tariffs(query, with: try await access(to: query.location, for: subject))
    }

    package func prices(
        of location: LocationID, from start: Date?, to end: Date, direction: TariffDirection?, for subject: Subject
    ) async throws(BFFError) -> Response {
        try await prices(
            from: start, to: end, direction: direction, with: try await access(to: location, for: subject))
    }
}
