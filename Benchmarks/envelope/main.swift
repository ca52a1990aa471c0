import Core
import Glibc
import Wire

// Prints how many nanoseconds the envelope scan takes for the body in the file that is named.

func nanoseconds(for turns: Int, of body: [UInt8]) -> Double {
    var accepted = 0
    let took = ContinuousClock().measure {
        for _ in 0..<turns where (try? Envelope(body.span)) != nil { accepted += 1 }
    }
    guard accepted == turns else { exit(1) }
    return Double(took.components.seconds) * 1e9 + Double(took.components.attoseconds) / 1e9
}

guard CommandLine.arguments.count == 2, let file = fopen(CommandLine.arguments[1], "rb") else { exit(64) }
var body = [UInt8](repeating: 0, count: 65536)
body.removeLast(body.count - fread(&body, 1, body.count, file))
let turns = 100_000
// The least disturbed of ten.
print((0..<10).map { _ in nanoseconds(for: turns, of: body) / Double(turns) }.min() ?? 0)
