import Testing

@testable import Core

@Suite struct SaturatingTests {
    @Test(
        "any double is a number in range (I1)",
        arguments: [
            (0, 0), (-0.9, 0), (1.9, 1), (-1.9, -1), (1e18, 1_000_000_000_000_000_000), (0x1p63, Int.max),
            (-0x1p63, Int.min), (1e19, .max), (-1e19, .min), (.infinity, .max), (-.infinity, .min), (.nan, 0),
            (.signalingNaN, 0), (.greatestFiniteMagnitude, .max), (-.greatestFiniteMagnitude, .min),
        ] as [(Double, Int)]) func integers(value: Double, expected: Int)
    {
        #expect(Int(saturating: value) == expected)
    }

    @Test("any number of seconds is a duration that arithmetic survives (I1)") func durations() {
        #expect(Duration(saturatingSeconds: 1.5) == .milliseconds(1500))
        #expect(Duration(saturatingSeconds: -2) == .seconds(-2))
        #expect(Duration(saturatingSeconds: .nan) == .zero)
        for huge in [1e12, 1e20, 1e300, .infinity, .greatestFiniteMagnitude] {
            let longest = Duration(saturatingSeconds: huge)
            #expect(longest == .seconds(1_000_000_000_000))
            #expect(Duration(saturatingSeconds: -huge) == .zero - longest)
            let far = (0..<1000).reduce(ContinuousClock.now) { instant, _ in instant + longest }
            #expect(ContinuousClock.now.duration(to: far).saturatingWholeSeconds > 999_000_000_000_000)
        }
    }

    @Test("whole seconds of any duration (I1)") func wholeSeconds() {
        #expect(Duration.milliseconds(2900).saturatingWholeSeconds == 2)
        #expect(Duration.milliseconds(-2900).saturatingWholeSeconds == -2)
        #expect((Duration.seconds(Int.max) * 4).saturatingWholeSeconds == .max)
        #expect((Duration.seconds(Int.min) * 4).saturatingWholeSeconds == .min)
    }

    @Test("a calendar shows any number of seconds (I1)", arguments: [Int.min, Int.min + 86_399, -1, 0, .max])
    func calendar(seconds: Int) {
        let time = CivilTime(secondsSince1970: seconds)
        #expect((1...12).contains(time.month))
        #expect((1...31).contains(time.day))
        #expect((0...6).contains(time.weekday))
        #expect((0...23).contains(time.hour))
        #expect((0...59).contains(time.minute))
        #expect((0...59).contains(time.second))
        #expect(time.httpDate.hasSuffix("GMT"))
        #expect(!time.timestamp.isEmpty)
    }
}
