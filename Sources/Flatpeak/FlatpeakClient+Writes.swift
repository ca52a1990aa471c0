package import Core
import Networking
package import Resilience

// Calls that change something: each is sent once.

extension FlatpeakClient {
    /// A meter record in the names of the account's version, as ``submitIntervals(_:for:)`` takes it in an array.
    package func body(of record: MeterRecord) throws(BFFError) -> [UInt8] {
        try settings.table.body(of: record)
    }

    /// The readings of a register in the names of the account's version.
    package func body(of readings: MeterReadings) throws(BFFError) -> [UInt8] {
        var body = try settings.table.head(of: readings).dropLast()
        body += #","data":["#.utf8
        // One after the other: an encoder needs many times the size of what it encodes.
        for (index, reading) in readings.readings.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += try [UInt8].json(reading)
        }
        return Array(body + "]}".utf8)
    }

    /// Sends meter records (upstream.md §6.8).
    /// - Parameter records: A JSON array of ``body(of:)-(MeterRecord)``, at most 10 000 of them.
    package func submitIntervals(
        _ records: [UInt8], for caller: CallerKey
    ) async throws(WriteFailure) -> MeterBatch {
        try await write(.meterIntervals(records), for: caller, answering: MeterBatch.self)
    }

    /// Sends the readings of a register (upstream.md §6.8).
    /// - Parameter readings: A ``body(of:)-(MeterReadings)``, of at most 10 000 readings.
    package func submitReadings(
        _ readings: [UInt8], for caller: CallerKey
    ) async throws(WriteFailure) -> MeterBatch {
        try await write(.meterReadings(readings), for: caller, answering: MeterBatch.self)
    }

    /// Reads how far a batch is processed (upstream.md §6.8).
    /// - Throws: `notFound` when Flatpeak does not know it.
    package func batch(_ id: BatchID, for caller: CallerKey) async throws(BFFError) -> MeterBatch {
        try await call(.meterBatch(id), for: caller).clientsObject()
    }

    /// Creates a device (upstream.md §6.9).
    package func createDevice(_ order: DeviceOrder, for caller: CallerKey) async throws(WriteFailure) -> Device {
        let body: [UInt8]
        do throws(BFFError) { body = try settings.table.body(of: order) } catch {
            throw .refused(error)
        }
        return try await write(.createDevice(body), for: caller, answering: Device.self)
    }

    /// Lists the devices of the whole account that have a reference (upstream.md §6.9).
    /// - Parameter reference: Of characters that a query takes unescaped.
    package func devices(referencedAs reference: String, for caller: CallerKey) async throws(BFFError) -> [Device] {
        struct List: Decodable { let data: [Device] }
        let list: List = try await call(.devices(referencedAs: reference), for: caller).clientsObject()
        return list.data
    }

    /// Reads a device (upstream.md §6.9).
    /// - Throws: `notFound` when Flatpeak does not know it.
    package func device(_ id: DeviceID, for caller: CallerKey) async throws(BFFError) -> Device {
        try await call(.device(id), for: caller).clientsObject()
    }

    /// Deletes a device (upstream.md §6.9); one that Flatpeak does not know is deleted already.
    package func deleteDevice(_ id: DeviceID, for caller: CallerKey) async throws(WriteFailure) {
        do throws(WriteFailure) {
            _ = try await write(.deleteDevice(id), for: caller)
        } catch .refused(.notFound) {
            return
        }
    }

    private func write<Reply: Decodable>(
        _ call: UpstreamCall, for caller: CallerKey, answering type: Reply.Type
    ) async throws(WriteFailure) -> Reply {
        let answer = try await write(call, for: caller)
        do throws(BFFError) { return try answer.clientsObject() } catch { throw .unknown(error) }
    }

    /// Sends a call once, and gives back a 2xx answer.
    ///
    /// One that is refused for its bearer is not sent again either; the bearer is renewed for the next one.
    func write(_ call: UpstreamCall, for caller: CallerKey) async throws(WriteFailure) -> HTTPAnswer {
        let end = time.now() + call.operation.deadline
        let held: BearerState.Held
        let outcome: Result<HTTPAnswer, TransportFailure>
        do throws(BFFError) {
            try gate.admit(caller)
            held = try await bearers.bearer()
            let left = time.now().duration(to: end)
            guard left > .zero else { throw .upstreamTimedOut }
            var request = Self.request(call, headers: [Self.authorization(held)], left, settings)
            request.caller = caller
            outcome = try await upstream.outcome(of: request)
        } catch {
            // Neither the policy nor the retry class lets a call go on of which bytes were sent.
            throw .refused(error)
        }
        switch outcome {
        case .failure(.notConnected): throw .refused(TransportFailure.notConnected.bffError)
        case .failure(let failure): throw .unknown(failure.bffError)
        case .success(let answer):
            gate.note(answer, for: caller)
            if answer.mayBeAboutBearer {
                _ = await bearers.replacement(for: held.number)
            } else if !answer.isBlockPage {
                bearers.worked(held.number)
            }
            if (200..<300).contains(answer.status) { return answer }
            let failure = failure(of: answer)
            // A redirect is not followed, and what was moved was not done; a proxy's 5xx says nothing of that.
            throw answer.status < 500 ? .refused(failure) : .unknown(failure)
        }
    }
}

extension HTTPAnswer {
    /// The answer's fields that clients may read.
    fileprivate func clientsObject<Reply: Decodable>() throws(BFFError) -> Reply {
        try HTTPAnswer(status: status, contentType: contentType, retryAfter: nil, body: try bodyForClients())
            .decoded(as: Reply.self)
    }
}
