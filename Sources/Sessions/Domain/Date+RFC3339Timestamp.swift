package import Core
package import FoundationEssentials

extension Date {
    package init(_ timestamp: RFC3339Timestamp) {
        self.init(timeIntervalSince1970: Double(timestamp.secondsSince1970) + Double(timestamp.nanoseconds) / 1e9)
    }
}
