package import Core

/// What Flatpeak says of a batch of meter records (upstream.md §6.8): fields of an allow-list, as clients may read them.
package struct MeterBatch: Codable, Sendable, Equatable {
    package let id: BatchID
    package let records_submitted: Int?
    package let records_accepted: Int?
    /// Grows until it is `records_accepted`.
    package let records_processed: Int?
    package let failed_records: [FailedRecord]?
    package let time_created: String?

    /// A record that was refused; the others of its batch are not.
    package struct FailedRecord: Codable, Sendable, Equatable {
        /// Its place in the batch, from 0 on.
        package let record_num: Int?
        package let record_reference_id: String?
        package let error: String?
    }

    /// Whether the costs of the location hold all records that were accepted.
    package var isProcessed: Bool {
        guard let records_accepted, let records_processed else { return false }
        return records_processed >= records_accepted
    }

    private enum CodingKeys: String, CodingKey {
        case id, object, records_submitted, records_accepted, records_processed, failed_records, time_created
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        id = try fields.decode(BatchID.self, forKey: .id)
        records_submitted = try fields.decodeIfPresent(Int.self, forKey: .records_submitted)
        records_accepted = try fields.decodeIfPresent(Int.self, forKey: .records_accepted)
        records_processed = try fields.decodeIfPresent(Int.self, forKey: .records_processed)
        failed_records = try fields.decodeIfPresent([FailedRecord].self, forKey: .failed_records)
        time_created = try fields.decodeIfPresent(String.self, forKey: .time_created)
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(id, forKey: .id)
        try fields.encode("meter_batch", forKey: .object)
        try fields.encodeIfPresent(records_submitted, forKey: .records_submitted)
        try fields.encodeIfPresent(records_accepted, forKey: .records_accepted)
        try fields.encodeIfPresent(records_processed, forKey: .records_processed)
        try fields.encode(failed_records ?? [], forKey: .failed_records)
        try fields.encodeIfPresent(time_created, forKey: .time_created)
    }
}
