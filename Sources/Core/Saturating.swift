// Numbers from outside, brought into a range in which arithmetic cannot trap.

extension Int {
    /// Truncates towards zero.
    ///
    /// The nearest representable number when `value` is out of range, 0 for NaN.
    package init(saturating value: Double) {
        // `Double(Int.max)` rounds up to 2^63, which is already too large.
        if value.isNaN {
            self = 0
        } else if value >= 0x1p63 {
            self = .max
        } else {
            self = value < -0x1p63 ? .min : Int(value)
        }
    }
}

extension Duration {
    /// Bound of ``init(saturatingSeconds:)`` in either direction, in seconds: some 30 000 years.
    ///
    /// A thousand of them can be added up, and an instant of any clock moved by one, without an overflow.
    package static let saturationBound = 1e12

    /// `Duration.seconds(_:)` traps for NaN and for numbers that an upstream may send; this one is at most
    /// ``saturationBound`` long, and zero for NaN.
    package init(saturatingSeconds seconds: Double) {
        let bound = Self.saturationBound
        self = seconds.isNaN ? .zero : .seconds(Swift.min(Swift.max(seconds, -bound), bound))
    }

    /// Whole seconds, towards zero.
    ///
    /// `components` traps for a duration of more than `Int64.max` seconds; this saturates.
    package var saturatingWholeSeconds: Int {
        if self >= .seconds(Int64.max) { return .max }
        return self <= .seconds(Int64.min) ? .min : Int(components.seconds)
    }
}
