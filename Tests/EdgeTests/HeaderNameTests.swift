import HTTPTypes
import Testing

@testable import Edge

@Suite struct HeaderNameTests {
    @Test(arguments: HeaderName.allCases) func `each is the name of a header`(header: HeaderName) {
        #expect(header.field.rawName == header.rawValue)
    }
}
