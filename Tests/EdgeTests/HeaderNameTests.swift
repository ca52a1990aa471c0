import Foundation
import HTTPTypes
import Testing

@testable import Edge

@Suite struct HeaderNameTests {
    @Test func `each literal is the name of a header`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/Edge/HTTPField.Name+Headers.swift")
        let names = try String(contentsOf: file, encoding: .utf8).matches(of: /known\("(.*)"\)/).map { String($0.1) }
        #expect(names.count > 10)
        for name in names { #expect(HTTPField.Name(name)?.rawName == name) }
        #expect(HTTPField.Name.xRequestID.rawName == "X-Request-Id")
    }
}
