public import Foundation

extension ConnectClient {
    /// The energy of one period.
    public struct MeterRecord: Codable, Hashable, Sendable {
        /// The location of the call, or left out.
        public var locationID: String?
        /// The device whose energy it is, one that the customer created at the location.
        public var deviceID: String?
        /// `W`, `KW`, `WH` or `KWH`.
        ///
        /// Power is constant over the period.
        public var units: String
        /// How many of these.
        public var value: Double
        /// The beginning of the period.
        public var startTime: Date
        /// Its end.
        public var endTime: Date
        /// Which way the energy flowed.
        ///
        /// Inbound when left out.
        public var energyFlowDirection: EnergyFlow?
        /// By which tariff it is priced.
        ///
        /// Import when left out.
        public var tariffDirection: Direction?
        /// The client's name for what the record belongs to, such as a charging session at this location.
        public var sessionReferenceID: String?
        /// The client's name for the record.
        public var recordReferenceID: String?
        /// From 0 to 1; below 1 for a forecast.
        ///
        /// 1 when left out.
        public var confidence: Double?

        /// Sets the fields that are given; the others are left out.
        public init(
            locationID: String? = nil, deviceID: String? = nil, units: String, value: Double,
            startTime: Date, endTime: Date, energyFlowDirection: EnergyFlow? = nil,
            tariffDirection: Direction? = nil, sessionReferenceID: String? = nil,
            recordReferenceID: String? = nil, confidence: Double? = nil
        ) {
            self.locationID = locationID
            self.deviceID = deviceID
            self.units = units
            self.value = value
            self.startTime = startTime
            self.endTime = endTime
            self.energyFlowDirection = energyFlowDirection
            self.tariffDirection = tariffDirection
            self.sessionReferenceID = sessionReferenceID
            self.recordReferenceID = recordReferenceID
            self.confidence = confidence
        }

        private enum CodingKeys: String, CodingKey {
            case locationID = "location_id"
            case deviceID = "device_id"
            case units, value
            case startTime = "start_time"
            case endTime = "end_time"
            case energyFlowDirection = "energy_flow_direction"
            case tariffDirection = "tariff_direction"
            case sessionReferenceID = "session_reference_id"
            case recordReferenceID = "record_reference_id"
            case confidence
        }
    }

    /// What one register showed at a number of instants.
    public struct MeterReadings: Codable, Hashable, Sendable {
        /// The location of the call, or left out.
        public var locationID: String?
        /// The device that measured, one of the customer's at this location.
        public var deviceID: String?
        /// The client's name for what the readings belong to.
        public var sessionReferenceID: String?
        /// Which way the energy flowed.
        ///
        /// Inbound when left out.
        public var energyFlowDirection: EnergyFlow?
        /// By which tariff it is priced.
        ///
        /// Import when left out.
        public var tariffDirection: Direction?
        /// `WH` or `KWH`.
        public var units: String
        /// The readings, at most 10 000.
        public var data: [MeterReading]

        /// Sets the fields that are given; the others are left out.
        public init(
            locationID: String? = nil, deviceID: String? = nil, sessionReferenceID: String? = nil,
            energyFlowDirection: EnergyFlow? = nil, tariffDirection: Direction? = nil, units: String,
            data: [MeterReading]
        ) {
            self.locationID = locationID
            self.deviceID = deviceID
            self.sessionReferenceID = sessionReferenceID
            self.energyFlowDirection = energyFlowDirection
            self.tariffDirection = tariffDirection
            self.units = units
            self.data = data
        }

        private enum CodingKeys: String, CodingKey {
            case locationID = "location_id"
            case deviceID = "device_id"
            case sessionReferenceID = "session_reference_id"
            case energyFlowDirection = "energy_flow_direction"
            case tariffDirection = "tariff_direction"
            case units, data
        }
    }

    /// What a register showed.
    public struct MeterReading: Codable, Hashable, Sendable {
        /// When, in seconds since 1970.
        public var time: Int
        /// What it showed, in the `units` of its readings.
        public var value: Double
        /// The client's name for the reading.
        public var recordReferenceID: String?

        /// Sets the fields that are given; the others are left out.
        public init(time: Int, value: Double, recordReferenceID: String? = nil) {
            self.time = time
            self.value = value
            self.recordReferenceID = recordReferenceID
        }

        private enum CodingKeys: String, CodingKey {
            case time, value
            case recordReferenceID = "record_reference_id"
        }
    }

    /// What became of meter records that were sent together.
    public struct MeterBatch: Codable, Hashable, Sendable {
        /// The batch's id.
        public let id: String
        /// How many were sent.
        public let recordsSubmitted: Int?
        /// How many were taken.
        public let recordsAccepted: Int?
        /// Grows until it is `recordsAccepted`; the costs then have all of them.
        public let recordsProcessed: Int?
        /// Those that were not taken.
        public let failedRecords: [FailedRecord]
        /// When Flatpeak took the batch.
        public let timeCreated: String?

        private enum CodingKeys: String, CodingKey {
            case id
            case recordsSubmitted = "records_submitted"
            case recordsAccepted = "records_accepted"
            case recordsProcessed = "records_processed"
            case failedRecords = "failed_records"
            case timeCreated = "time_created"
        }
    }

    /// A record that was not taken.
    public struct FailedRecord: Codable, Hashable, Sendable {
        /// Its place in the request, from 0 on.
        public let recordNum: Int?
        /// The client's name for it.
        public let recordReferenceID: String?
        /// Flatpeak's own words.
        public let error: String?

        private enum CodingKeys: String, CodingKey {
            case recordNum = "record_num"
            case recordReferenceID = "record_reference_id"
            case error
        }
    }
}
