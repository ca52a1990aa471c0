import Core
import Testing

@testable import Sessions

@Suite struct ScopedReferenceTests {
    let location: LocationID
    let owner: SubjectDigest
    let reference: ClientReference

    init() throws {
        location = try #require(LocationID("loc_1"))
        owner = SubjectDigest(try #require(Subject("alice")))
        reference = try #require(ClientReference("charge-2026_1"))
    }

    /// What Flatpeak has, and has to keep on having: a change of it would hide what was sent before.
    @Test func `a reference leaves with its location and its owner, and comes back without them`() throws {
        let scoped = ScopedReference(reference, of: owner, at: location)
        #expect(scoped.text == "loc_1.2bd806c97f0e00af.charge-2026_1")
        #expect(ScopedReference(scoped.text, of: owner, at: location) == scoped)
        #expect(ScopedReference(scoped.text, of: owner, at: location)?.reference == reference)
    }

    @Test(
        arguments: [
            "", ".", "..", "...", "charge-2026_1", "loc_1", "loc_1.", "loc_1.OWNER", "loc_1.OWNER.",
            // Of the location alone, or of the owner alone.
            "loc_1.charge", "OWNER.charge", "OWNER.loc_1.charge", "loc_1..charge", ".OWNER.charge", "..charge",
            // Another location.
            "loc_2.OWNER.charge", "loc_10.OWNER.charge", "loc_.OWNER.charge", "xloc_1.OWNER.charge",
            "LOC_1.OWNER.charge",
            // Another owner, whose number may be the same.
            "loc_1.81b637d8fcd2c6da.charge", "loc_1.OWNER0.charge", "loc_1.0OWNER.charge", "loc_1.+OWNER.charge",
            "loc_1.2bd806c97f0e00a.charge", "loc_1.bd806c97f0e00af.charge", "loc_1.2BD806C97F0E00AF.charge",
            "loc_1.alice.charge",
            // Full stops, blanks and what looks like ASCII.
            "loc_1.OWNER.a.b", "loc_1.OWNER..a", "loc_1..OWNER.a", "loc_1.OWNER.a.", ".loc_1.OWNER.a",
            "loc_1.OWNER.a b",
            "loc_1.OWNER. a", " loc_1.OWNER.a", "loc_1.OWNER.a\n", "loc_1.OWNER.\u{212A}", "loc_1.OWNER.\u{FF41}",
            "loc_1\u{3002}OWNER\u{3002}a", "loc_1.OWNER.a\u{301}", "loc_1\u{0}.OWNER.a",
            "loc_1.OWNER." + String(repeating: "a", count: 65),
            // Itself again.
            "loc_1.OWNER.loc_1.OWNER.a",
        ])
    func `a reference that is not the owner's at the location is none`(text: String) {
        let text = text.replacing("OWNER", with: owner.text)
        #expect(ScopedReference(text, of: owner, at: location) == nil)
    }

    @Test(arguments: [("loc_2", "alice"), ("loc_1", "bob"), ("loc_1", "Alice"), ("loc_11", "alice")])
    func `the same name of another owner or location is another reference`(place: String, name: String) throws {
        let subject = try #require(Subject(name))
        let other = ScopedReference(reference, of: SubjectDigest(subject), at: try #require(LocationID(place)))
        #expect(ScopedReference(reference, of: owner, at: location) != other)
        #expect(ScopedReference(reference, of: owner, at: location).text != other.text)
        #expect(ScopedReference(other.text, of: owner, at: location) == nil)
    }

    /// A name cannot hold the full stop that would let it begin in another scope.
    @Test(arguments: ["81b637d8fcd2c6da.a", "loc_2.81b637d8fcd2c6da.a", ".a", "a."])
    func `a client's name has no full stop`(name: String) {
        #expect(ClientReference(name) == nil)
    }

    @Test func `the longest reference is 146 bytes, and comes back`() throws {
        let longest = String(repeating: "a", count: 64)
        let place = try #require(LocationID(longest)), name = try #require(ClientReference(longest))
        let scoped = ScopedReference(name, of: owner, at: place)
        #expect(scoped.text.utf8.count == 146)
        #expect(ScopedReference(scoped.text, of: owner, at: place)?.reference == name)
    }
}
