/// The meter records of one location, each once.
struct MeterLedger: Sendable {
    /// Records of one series over the same time are the same record.
    private struct Key: Hashable {
        let series: MeterRecord.Series
        let start: Int
        let end: Int
    }

    /// The integrator's own name of a record.
    private struct Reference: Hashable {
        let series: MeterRecord.Series
        let name: String
    }

    /// What a counting meter showed at a time.
    struct Reading: Equatable, Sendable {
        /// Seconds since 1970.
        let time: Int
        /// Watt hours.
        let value: Double
        let reference: String?
    }

    private var byTime: [Key: MeterRecord] = [:]
    private var byReference: [Reference: Key] = [:]
    /// In order of time.
    private var readings: [MeterRecord.Series: [Reading]] = [:]

    var records: some Collection<MeterRecord> { byTime.values }

    /// Those of a direction that are in a span at least in part, in order of time and then of arrival.
    func records(_ direction: Direction, from start: Int, to end: Int) -> [MeterRecord] {
        byTime.values.filter { $0.series.direction == direction && $0.start < end && $0.end > start }
            .sorted { ($0.start, $0.number) < ($1.start, $1.number) }
    }

    /// Keeps a record in place of the one of the same time or of the same reference; a forecast never takes the place of
    /// what was measured.
    mutating func store(_ record: MeterRecord) {
        let key = Key(series: record.series, start: record.start, end: record.end)
        if let old = byTime[key], old.confidence == 1, record.confidence < 1 { return }
        if let name = record.reference {
            let reference = Reference(series: record.series, name: name)
            if let old = byReference[reference], old != key, let replaced = byTime[old], replaced.reference == name {
                if replaced.confidence == 1, record.confidence < 1 { return }
                byTime[old] = nil
            }
            byReference[reference] = key
        }
        byTime[key] = record
    }

    /// Keeps what a counting meter showed: between two readings lies a record, unless the meter ran backwards.
    mutating func store(_ reading: Reading, of series: MeterRecord.Series, number: Int) {
        var all = readings[series, default: []]
        let index = all.firstIndex { $0.time >= reading.time } ?? all.count
        if index < all.count, all[index].time == reading.time {
            all[index] = reading
        } else {
            all.insert(reading, at: index)
        }
        readings[series] = all
        let before = index > 0 ? all[index - 1] : nil
        let after = index + 1 < all.count ? all[index + 1] : nil
        if let before, let after { byTime[Key(series: series, start: before.time, end: after.time)] = nil }
        for (first, second) in [(before, reading), (reading, after)] {
            guard let first, let second else { continue }
            let key = Key(series: series, start: first.time, end: second.time)
            guard second.value >= first.value else {
                byTime[key] = nil
                continue
            }
            byTime[key] = MeterRecord(
                series: series, start: first.time, end: second.time, offset: 0, energy: second.value - first.value,
                reference: second.reference, confidence: 1, number: number)
        }
    }
}
