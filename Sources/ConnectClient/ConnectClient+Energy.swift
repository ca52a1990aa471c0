public import Foundation

extension ConnectClient {
    /// Finds the cheapest or dearest minutes of a window of at most three days.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - start: The beginning of the window.
    ///   - end: Its end.
    ///   - segment: Cheap or dear energy.
    ///   - duration: How many minutes are wanted.
    ///   - direction: Which way the energy flows. Import when left out.
    public func scheduleByDuration(
        at location: String, from start: Date, to end: Date, segment: PriceSegment, duration: Int,
        direction: Direction? = nil
    ) async throws -> Schedule {
        try await service.answer(
            Call(
                "GET", "locations", location, "schedules", "duration",
                query: .window(start, end) + [("segment", segment.rawValue), ("duration", String(duration))]
                    + .direction(direction)))
    }

    /// Finds the time below or above a price, in a window of at most three days.
    ///
    /// Give one of `relative` and `absolute`.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - start: The beginning of the window.
    ///   - end: Its end.
    ///   - segment: Cheap or dear energy.
    ///   - relative: 1 is the highest price of the window, 0.01 the lowest.
    ///   - absolute: For each kWh, in the currency's major unit.
    ///   - direction: Which way the energy flows. Import when left out.
    public func scheduleByLimit(
        at location: String, from start: Date, to end: Date, segment: PriceSegment, relative: Double? = nil,
        absolute: Double? = nil, direction: Direction? = nil
    ) async throws -> Schedule {
        let price = [("relative", relative.map { "\($0)" }), ("absolute", absolute.map { "\($0)" })]
        return try await service.answer(
            Call(
                "GET", "locations", location, "schedules", "limit",
                query: .window(start, end) + [("segment", segment.rawValue)] + price + .direction(direction)))
    }

    /// Plans when devices run, so that each has its energy in time.
    ///
    /// Nothing is stored. Sent once.
    public func scheduleByAmount(at location: String, _ request: AmountRequest) async throws -> AmountSchedule {
        try await service.answer(.question("locations", location, "schedules", "amount", body: request))
    }

    /// Reads what energy cost between two instants.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - start: The first moment.
    ///   - end: The moment after the last one.
    ///   - aggregation: One row for each day or month; for each record when left out.
    ///   - direction: Which way the energy flows. Import when left out.
    ///   - device: Only energy of this device.
    public func costs(
        at location: String, from start: Date, to end: Date, aggregation: Aggregation? = nil,
        direction: Direction? = nil, device: String? = nil
    ) async throws -> EnergyCosts {
        try await service.answer(
            Call(
                "GET", "locations", location, "costs",
                query: .window(start, end) + [("aggregation", aggregation?.rawValue), ("device_id", device)]
                    + .direction(direction)))
    }

    /// Reads what a charging session cost.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - reference: The `sessionReferenceID` of its meter records.
    ///   - direction: Which way the energy flows. Import when left out.
    public func sessionCosts(
        at location: String, reference: String, direction: Direction? = nil
    ) async throws -> EnergyCosts {
        try await service.answer(
            Call("GET", "locations", location, "costs", "sessions", reference, query: .direction(direction)))
    }

    /// Calculates what the energy of a meter record would cost.
    ///
    /// Nothing is stored. Sent once.
    public func simulateCost(at location: String, _ record: MeterRecord) async throws -> RecordCost {
        try await service.answer(.question("locations", location, "costs", "simulate", body: record))
    }

    /// Sends meter records of periods, at most 10 000, where the operator lets customers do so.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - records: What was measured.
    ///   - key: The idempotency key. Keep it with the records, and send both again after a restart of the app.
    public func putMeterIntervals(
        at location: String, _ records: [MeterRecord], key: String = UUID().uuidString
    ) async throws -> MeterBatch {
        try await service.answer(.write("PUT", "locations", location, "meters", "interval", body: records, key: key))
    }

    /// Sends the readings of a register, where the operator lets customers do so.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - readings: What the register showed.
    ///   - key: The idempotency key. Keep it with the readings, and send both again after a restart of the app.
    public func putMeterReadings(
        at location: String, _ readings: MeterReadings, key: String = UUID().uuidString
    ) async throws -> MeterBatch {
        try await service.answer(.write("PUT", "locations", location, "meters", "cumulative", body: readings, key: key))
    }

    /// Reads how far a batch of meter records is processed.
    public func meterBatch(at location: String, _ id: String) async throws -> MeterBatch {
        try await service.answer(Call("GET", "locations", location, "meters", "batches", id))
    }

    /// Lists the devices that the customer created at a location.
    public func devices(at location: String) async throws -> DeviceList {
        try await service.answer(Call("GET", "locations", location, "devices"))
    }

    /// Creates a device, where the operator lets customers do so.
    ///
    /// Create it once, and keep its id.
    /// - Parameters:
    ///   - location: One of the customer's own.
    ///   - request: What the device is.
    ///   - key: The idempotency key: the same one gives the same device.
    public func createDevice(
        at location: String, _ request: DeviceRequest = DeviceRequest(), key: String = UUID().uuidString
    ) async throws -> Device {
        try await service.answer(.write("POST", "locations", location, "devices", body: request, key: key))
    }

    /// Deletes a device.
    ///
    /// What it measured stays in the costs of the location. Sent once.
    public func deleteDevice(at location: String, _ id: String) async throws {
        try await service.delete("locations", location, "devices", id)
    }
}

extension Call {
    /// A calculation with a body and without an effect, for which the contract has no key.
    fileprivate static func question(_ path: String..., body: some Encodable) throws -> Call {
        var call = Call("POST", path)
        call.body = try Coding.encode(body)
        call.isRepeatable = false
        return call
    }
}
