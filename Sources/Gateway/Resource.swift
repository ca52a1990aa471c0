import Core
import HTTPTypes

/// The routes of one path: one for each method.
struct Resource: Sendable {
    let template: String
    let routes: [Route]
    /// What `Allow` says of it (RFC 9110 section 10.2.1).
    let allowed: String
    /// Whether scripts of listed origins may read any of its answers.
    let isForScripts: Bool
    private let segments: [Segment]

    private enum Segment {
        case literal([UInt8])
        /// - Parameter suffix: What follows it in the segment.
        case parameter(String, suffix: [UInt8])
    }

    init(_ template: String, _ routes: [Route]) {
        self.template = template
        self.routes = routes
        allowed = Self.allowed(routes.map(\.method))
        isForScripts = routes.contains { $0.policy.origins == .listed }
        segments = Self.segments(of: template).map { segment in
            guard segment.first == UInt8(ascii: "{"), let end = segment.firstIndex(of: UInt8(ascii: "}")) else {
                return .literal(Array(segment))
            }
            let suffix = Array(segment[end...].dropFirst())
            return .parameter(String(Substring(segment[..<end].dropFirst())), suffix: suffix)
        }
    }

    /// Parameters that any segment fills; a path fits the resource with the fewest first.
    var parameterCount: Int { segments.count { if case .parameter = $0 { true } else { false } } }

    /// The segments of a path; empty ones do not count, so that an error on `//v1` has the form of `/v1`.
    static func segments(of path: String) -> [Substring.UTF8View] { path.utf8.split(separator: UInt8(ascii: "/")) }

    /// The parameters of a path that fits the template; `nil` for any other path.
    func match(_ path: [Substring.UTF8View]) -> [String: String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (segment, part) in zip(segments, path) {
            switch segment {
            case .literal(let bytes): guard part.elementsEqual(bytes) else { return nil }
            case .parameter(let name, let suffix):
                guard part.reversed().starts(with: suffix.reversed()) else { return nil }
                parameters[name] = String(Substring(part.dropLast(suffix.count)))
            }
        }
        return parameters
    }

    /// What a resource with these methods answers, for `Allow` (RFC 9110 section 10.2.1).
    static func allowed(_ methods: [HTTPRequest.Method]) -> String {
        let answered = Set(methods + [.options] + (methods.contains(.get) ? [.head] : []))
        return answered.map(\.rawValue).sorted().joined(separator: ", ")
    }
}
