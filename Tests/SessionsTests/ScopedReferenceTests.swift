import Core
import Testing

@testable import Sessions

@Suite struct ScopedReferenceTests {
    let location: LocationID
    let reference: ClientReference

    init() throws {
        location = try #require(LocationID("loc_1"))
        reference = try #require(ClientReference("charge-2026_1"))
    }

    @Test func `a reference leaves with its location and comes back without it`() throws {
        let scoped = ScopedReference(reference, at: location)
        #expect(scoped.text == "loc_1.charge-2026_1")
        #expect(ScopedReference(scoped.text, at: location) == scoped)
        #expect(ScopedReference(scoped.text, at: location)?.reference == reference)
    }

    @Test(arguments: [
        "", ".", "charge-2026_1", "loc_2.charge-2026_1", "loc_1", "loc_1.", ".charge", "LOC_1.charge", "loc_10.charge",
        "loc_1.a.b", "loc_1..a", "loc_1.a b", "xloc_1.a", "loc_1.\u{212A}",
        "loc_1." + String(repeating: "a", count: 65),
    ])
    func `a reference that is not of the location is none`(text: String) {
        #expect(ScopedReference(text, at: location) == nil)
    }

    @Test func `the same name at two locations is two references`() throws {
        let other = try #require(LocationID("loc_2"))
        #expect(ScopedReference(reference, at: location) != ScopedReference(reference, at: other))
        #expect(ScopedReference(ScopedReference(reference, at: other).text, at: location) == nil)
    }
}
