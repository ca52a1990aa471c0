import ConnectClient
import Foundation

/// Runs commands.
struct Program: Sendable {
    let client: ConnectClient
    let returnURL: String?
    let pages: Pages

    /// Runs a command, and writes what it gave.
    func run(_ command: Command) async {
        let id = JSONValue.number(Double(command.id))
        do {
            say(["id": id, "ok": try await value(of: command)])
        } catch let error as ConnectError {
            var said: [String: JSONValue] = [
                "code": .string(error.code.rawValue), "status": .number(Double(error.status)),
            ]
            said["requestId"] = error.requestID.map(JSONValue.string)
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            say(["id": id, "error": .object(said)])
        } catch is CancellationError {
            say(["id": id, "error": .object(["code": .string("cancelled"), "status": .number(0)])])
        } catch {
            say(["id": id, "error": .object(["code": .string("\(error)"), "status": .number(-1)])])
        }
    }

    private func value(of command: Command) async throws -> JSONValue {
        let input = Input(params: command.params ?? [:], body: command.body)
        switch command.do {
        case "connect":
            var request: ConnectClient.MintRequest = try input.body()
            request.returnURL = request.returnURL ?? returnURL
            return try json(await client.connect(request, with: TestPresenter(id: command.id, pages: pages)))
        case "mintSession":
            let minted = try await client.mint(input.body())
            var fields: [String: JSONValue] = [
                "id": .string(minted.id), "state": .string(minted.state.rawValue), "live_mode": .bool(minted.liveMode),
                "launch_url": .string(minted.launchURL.absoluteString), "expires_at": try json(minted.expiresAt),
            ]
            fields["connect_token"] = minted.connectToken.map(JSONValue.string)
            FileHandle.standardError.write(Data("\(minted) \(String(reflecting: minted))\n".utf8))
            var log = Log()
            dump(minted, to: &log)
            return .object(fields)
        case "readSession": return try json(await client.session(input.text("id")))
        case "confirmSession": return try json(await client.confirm(input.text("id"), code: input.code()))
        case "followSession":
            for try await session in client.followSession(try input.text("id")) { try event(command, session) }
            return .null
        case "followLocation":
            for try await change in client.followLocation(try input.text("id")) { try event(command, change) }
            return .null
        default: return try await energy(command.do, input)
        }
    }

    private func energy(_ name: String, _ input: Input) async throws -> JSONValue {
        if name == "listTariffs" {
            return try json(
                await client.tariffs(
                    of: input.text("location_id"), direction: input.choice("direction"), type: input.choice("type"),
                    startingAfter: input.optional("starting_after"), endingBefore: input.optional("ending_before"),
                    limit: input.number("limit").map { Int($0) }))
        }
        if name == "listLocations" { return try json(await client.locations()) }
        let id = try input.text("id")
        switch name {
        case "readLocation": return try json(await client.location(id))
        case "forgetLocation": try await client.forgetLocation(id)
        case "readLocationStatus": return try json(await client.locationStatus(id))
        case "readPrices":
            return try json(
                await client.prices(
                    at: id, from: input.date("start_time"), to: input.instant("end_time"),
                    direction: input.choice("direction")))
        case "scheduleByDuration":
            return try json(
                await client.scheduleByDuration(
                    at: id, from: input.instant("start_time"), to: input.instant("end_time"),
                    segment: input.choice("segment") ?? .low, duration: Int(input.number("duration") ?? 0),
                    direction: input.choice("direction")))
        case "scheduleByLimit":
            return try json(
                await client.scheduleByLimit(
                    at: id, from: input.instant("start_time"), to: input.instant("end_time"),
                    segment: input.choice("segment") ?? .low, relative: input.number("relative"),
                    absolute: input.number("absolute"), direction: input.choice("direction")))
        case "scheduleByAmount": return try json(await client.scheduleByAmount(at: id, input.body()))
        case "readCosts":
            return try json(
                await client.costs(
                    at: id, from: input.instant("start_time"), to: input.instant("end_time"),
                    aggregation: input.choice("aggregation"), direction: input.choice("direction"),
                    device: input.optional("device_id")))
        case "readSessionCosts":
            return try json(
                await client.sessionCosts(at: id, reference: input.text("ref"), direction: input.choice("direction")))
        case "simulateCost": return try json(await client.simulateCost(at: id, input.body()))
        case "putMeterIntervals": return try json(await client.putMeterIntervals(at: id, input.body()))
        case "putMeterReadings": return try json(await client.putMeterReadings(at: id, input.body()))
        case "readMeterBatch": return try json(await client.meterBatch(at: id, input.text("batch")))
        case "listDevices": return try json(await client.devices(at: id))
        case "createDevice": return try json(await client.createDevice(at: id, input.body()))
        case "deleteDevice": try await client.deleteDevice(at: id, input.text("device"))
        default: throw Unknown(name: name)
        }
        return .null
    }

    private func event(_ command: Command, _ value: some Encodable) throws {
        say(["id": .number(Double(command.id)), "event": try json(value)])
    }
}

/// What comes with a command.
struct Input {
    let params: [String: JSONValue]
    let body: JSONValue?

    /// The body as a model of the library.
    func body<Model: Decodable>(as _: Model.Type = Model.self) throws -> Model {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(Model.self, from: JSONEncoder().encode(body ?? .object([:])))
    }

    func code() throws -> String { try body(as: [String: String].self)["code"] ?? "" }

    func optional(_ name: String) -> String? {
        if case .string(let text)? = params[name] { text } else { nil }
    }

    func text(_ name: String) throws -> String {
        guard let text = optional(name) else { throw Unknown(name: name) }
        return text
    }

    func number(_ name: String) -> Double? {
        if case .number(let number)? = params[name] { number } else { nil }
    }

    func date(_ name: String) -> Date? { optional(name).flatMap(ISO8601DateFormatter().date(from:)) }

    func instant(_ name: String) throws -> Date {
        guard let date = date(name) else { throw Unknown(name: name) }
        return date
    }

    func choice<Value: OpenEnumeration>(_ name: String) -> Value? { optional(name).map(Value.init(rawValue:)) }
}

/// A command or a parameter that this program does not know.
struct Unknown: Error {
    let name: String
}

/// Standard error, in which no token may be.
struct Log: TextOutputStream {
    func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// Reads a model back into JSON.
func json(_ value: some Encodable) throws -> JSONValue {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    return try JSONDecoder().decode(JSONValue.self, from: encoder.encode(value))
}
