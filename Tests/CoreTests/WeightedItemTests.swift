import Core
import Testing

@Suite struct WeightedItemTests {
    @Test(
        "RFC 9110 section 12.4.2: reads items and weights, and leaves out what has no valid weight",
        arguments: [
            ("gzip, deflate, br, zstd", ["gzip 1000", "deflate 1000", "br 1000", "zstd 1000"]),
            ("gzip;q=1.0,deflate;q=0.6,identity;q=0.3", ["gzip 1000", "deflate 600", "identity 300"]),
            ("text/html, application/json ; Q=0.123", ["text/html 1000", "application/json 123"]),
            ("application/json;version=1;q=0.5", ["application/json 500"]),
            ("*;q=0", ["* 0"]), ("GZip", ["gzip 1000"]), ("gzip;q=0.", ["gzip 0"]),
            ("gzip;q", []), ("gzip;q=", []), ("gzip;q=1.001", []), ("gzip;q=-1", []), ("gzip;q=0.1234", []),
            ("gzip;q=.5", []), ("gzip;q=1;q=0", ["gzip 1000"]), ("gzip;quality=0", ["gzip 1000"]),
            ("", []), (",,;q=1,;", []), ("\tgzip\t;\tq=0", ["gzip 0"]),
        ])
    func list(_ header: String, _ expected: [String]) {
        #expect(WeightedItem.list(header).map { "\($0.value) \($0.weight)" } == expected)
    }
}
