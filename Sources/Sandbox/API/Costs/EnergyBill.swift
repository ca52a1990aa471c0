/// What meter records of one location and direction cost.
///
/// Pure: priced anew from the curve each time, so that a corrected price changes what was.
struct EnergyBill {
    /// A piece of a record within which price and day are the same.
    struct Part {
        /// The index of the record.
        let record: Int
        let from: Int
        let to: Int
        /// Watt hours.
        let energy: Double
        /// Major units; 0 with a confidence of 0 where there is no price (upstream.md §6.7).
        var cost = 0.0
        var confidence: Double
        /// Grams of carbon dioxide.
        let carbon: Double
    }

    let records: [MeterRecord]
    /// In order of time, and of arrival within it.
    private(set) var parts: [Part] = []

    /// - Parameters:
    ///   - records: All of the location and direction that count towards the tiers of the days of interest.
    ///   - instants: Where parts are cut besides, such as at the ends of a window.
    init(_ records: [MeterRecord], _ curve: PriceCurve, cutAt instants: [Int] = []) {
        self.records = records
        guard let start = records.map(\.start).min(), let end = records.map(\.end).max() else { return }
        let ends = records.flatMap { [$0.start, $0.end] } + instants.filter { $0 > start && $0 < end }
        let cuts = Set(curve.cuts(from: start, to: end)).union(ends).sorted()
        for (number, record) in records.enumerated() {
            var index = cuts.partition(before: record.start)
            while index + 1 < cuts.count, cuts[index] < record.end {
                let (from, to) = (cuts[index], cuts[index + 1])
                let energy = record.energy * Double(to - from) / Double(record.seconds)
                parts.append(
                    Part(
                        record: number, from: from, to: to, energy: energy, confidence: record.confidence,
                        carbon: energy / 1000 * curve.market.carbonIntensity(at: from)))
                index += 1
            }
        }
        parts.sort { ($0.from, records[$0.record].number) < ($1.from, records[$1.record].number) }
        price(curve)
    }

    /// Prices the parts in order: tiers count what was used of the local day before.
    private mutating func price(_ curve: PriceCurve) {
        var day = Int.min
        var used = 0.0
        for index in parts.indices {
            let part = parts[index]
            let today = curve.zone.wallClock(at: part.from).day.daysSinceEpoch
            if today != day { (day, used) = (today, 0) }
            var left = part.energy / 1000
            let ends = curve.tierEnds(at: part.from).filter { $0 > used && $0 < used + left } + [used + left]
            for end in ends {
                guard let value = curve.price(at: part.from, after: used) else {
                    (parts[index].cost, parts[index].confidence) = (0, 0)
                    break
                }
                parts[index].cost += value * (end - used)
                left -= end - used
                used = end
            }
            if curve.price(at: part.from, after: used) == nil { used += left }
            parts[index].confidence = min(parts[index].confidence, curve.confidence(at: part.from))
        }
    }

    /// What a group of parts comes to.
    struct Sum {
        var energy = 0.0
        var cost = 0.0
        var carbon = 0.0
        var confidence = 1.0

        mutating func add(_ part: Part) {
            energy += part.energy
            cost += part.cost
            carbon += part.carbon
            confidence = min(confidence, part.confidence)
        }

        /// `energy`, and money and carbon where they are wanted.
        func json(_ call: APICall) -> [String: JSON] {
            var members: [String: JSON] = ["energy": ["value": .double(energy.roundedToFiveDecimals)]]
            if !call.dialect.isZero || call.query["include_tariff"] == "true" {
                members[call.dialect.cost] = [
                    "value": .double(cost.roundedToFiveDecimals), "confidence": .double(confidence),
                ]
            }
            if call.wantsCarbon {
                members["carbon"] = [
                    "value": .double(carbon.roundedToFiveDecimals), "confidence": .double(confidence),
                ]
            }
            return members
        }
    }
}

extension APICall {
    /// The newer edition has none.
    var wantsCarbon: Bool { !dialect.hasNewerNames && query["include_carbon"] == "true" }
}

extension Array<Int> {
    /// The index of the first element of a sorted array that is not less than a value.
    fileprivate func partition(before value: Int) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
