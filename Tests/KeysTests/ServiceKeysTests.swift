import Keys
import Testing

@Suite struct ServiceKeysTests {
    private func make(_ name: String, _ seed: UInt8) -> (key: String, line: String) {
        ServiceKeys.make(
            named: name, randomBytes: { count in (0..<count).map { UInt8(truncatingIfNeeded: $0) &* 31 &+ seed } })
    }

    @Test func `a key is known by its file's line, and by no other`() throws {
        let (one, two) = (make("one", 1), make("two", 2))
        let keys = try ServiceKeys("# backends\n\n\(one.line)  # the first\r\n\(two.line)\n")
        #expect(keys.name(of: one.key) == "one")
        #expect(keys.name(of: two.key) == "two")
        for wrong in ["", "sbk_", String(one.key.dropLast()), one.key + "0", one.key.uppercased()] {
            #expect(keys.name(of: wrong) == nil)
        }
        #expect(!one.line.contains(one.key.dropFirst(4)))
        #expect(one.key.hasPrefix("sbk_"))
        #expect(one.key.count == 68)
    }

    @Test("a file without a key is one in which no key is known (I14)", arguments: ["", "\n", "# one a b\n"])
    func empty(text: String) throws {
        let keys = try ServiceKeys(text)
        #expect(keys.isEmpty)
        #expect(keys.name(of: make("one", 1).key) == nil)
    }

    @Test func `a file that cannot be read is refused, with the line`() {
        let good = make("one", 1).line
        for (text, line) in [
            ("one two\n", 1), ("\(good)\n\(good)", 2), ("\(good)\nx yy zz", 2),
            (good.replacing("one", with: "o/e"), 1), (String(good.dropLast(2)), 1), ("a 00 \(good.suffix(64))", 1),
        ] {
            do throws(ServiceKeys.Malformed) {
                _ = try ServiceKeys(text)
                Issue.record("\(text) was taken")
            } catch {
                #expect(error.line == line)
            }
        }
    }
}
