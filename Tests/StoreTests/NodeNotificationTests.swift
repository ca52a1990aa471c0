import Core
import Sessions
import Testing

@testable import Store

/// The text of notifications, without a server.
@Suite struct NodeNotificationTests {
    let alice = SubjectDigest(Subject("alice")!)
    let location = LocationID("loc_1")!

    @Test func `what one node writes another one reads`() {
        let ownership = NodeNotification.ownership(of: alice, by: "a1")
        #expect(NodeNotification.changes(in: ownership, to: "b2") == [.ownershipChanged(alice)])
        let action = NodeNotification.change(at: location, by: "a1")
        #expect(NodeNotification.changes(in: action, to: "b2") == [.locationChanged(location)])
    }

    @Test func `a node's own changes of locations count, and those of its sessions do not`() throws {
        let session = try #require(SessionID("cs_1"))
        #expect(NodeNotification.changes(in: "a1 cs_1", to: "a1") == [])
        #expect(NodeNotification.changes(in: "a1 cs_1", to: "b2") == [.changed([session])])
        let text = NodeNotification.ownership(of: alice, by: "a1")
        #expect(NodeNotification.changes(in: text, to: "a1") == [.ownershipChanged(alice)])
        let all = "\(text),cs_1,l=loc_1"
        #expect(
            NodeNotification.changes(in: all, to: "b2")
                == [.ownershipChanged(alice), .locationChanged(location), .changed([session])])
    }

    @Test("a release without them ignores changes of locations, since none is the id of a session")
    func older() throws {
        for text in [
            NodeNotification.ownership(of: alice, by: "a1"), NodeNotification.change(at: location, by: "a1"),
        ] {
            let name = try #require(text.split(separator: " ").last)
            #expect(SessionID(name) == nil)
        }
    }

    @Test(arguments: ["", " ", "a1", "a1 ", "a1 s=", "a1 l=", "a1 s=xyz", "a1 s=11112222333344445", "a1 l=ä", "a1 ,,"])
    func `what is no notification changes nothing`(text: String) {
        #expect(NodeNotification.changes(in: text, to: "b2") == [])
    }

    @Test func `a subject is not in the text, and its digest is the same in every process`() throws {
        let subject = try #require(Subject("anna@example.com"))
        let text = NodeNotification.ownership(of: SubjectDigest(subject), by: "a1")
        #expect(!text.contains("anna"))
        #expect(text.utf8.count <= 22)
        // printf %s alice | sha256sum
        #expect(alice.text == "2bd806c97f0e00af")
        #expect(SubjectDigest(alice.text) == alice)
    }
}
