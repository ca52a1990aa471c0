/// The cheapest way to move energy by a time, for several devices behind one connection.
///
/// A minimum-cost flow: energy flows from devices into spans of time, as much as the devices and the connection can take.
struct EnergyPlan {
    /// Energy in watt seconds.
    struct Device {
        let energy: Int
        /// Watts.
        let power: Int
        /// For each span what a unit costs there, less being better; nil where the device must not run.
        let costs: [Int?]
    }

    /// A link of the network; its way back is the one beside it.
    private struct Link {
        let target: Int
        var capacity: Int
        let cost: Int
    }

    private var links: [Link] = []
    private var from: [[Int]]
    /// Watt seconds of each device in each span.
    private(set) var flows: [[Int]]

    /// - Parameters:
    ///   - seconds: The length of each span.
    ///   - power: Watts of the connection.
    init(devices: [Device], seconds: [Int], power: Int) {
        let sink = devices.count + seconds.count + 1
        from = Array(repeating: [], count: sink + 1)
        flows = Array(repeating: Array(repeating: 0, count: seconds.count), count: devices.count)
        for (span, length) in seconds.enumerated() { link(devices.count + 1 + span, sink, power * length, 0) }
        var used: [(device: Int, span: Int, link: Int)] = []
        for (number, device) in devices.enumerated() {
            link(0, number + 1, device.energy, 0)
            for (span, length) in seconds.enumerated() {
                guard let cost = device.costs[span] else { continue }
                used.append((number, span, links.count))
                // Among equals the earlier span.
                link(number + 1, devices.count + 1 + span, device.power * length, cost * Self.scale + span)
            }
        }
        while augment(to: sink) {}
        for entry in used { flows[entry.device][entry.span] = links[entry.link + 1].capacity }
    }

    /// More than the spans of any schedule, so that the price decides before the time does.
    private static let scale = 1_000_000

    private mutating func link(_ source: Int, _ target: Int, _ capacity: Int, _ cost: Int) {
        from[source].append(links.count)
        links.append(Link(target: target, capacity: capacity, cost: cost))
        from[target].append(links.count)
        links.append(Link(target: source, capacity: 0, cost: -cost))
    }

    /// Sends what fits along the cheapest way from the source (Bellman and Ford's); false where there is none.
    private mutating func augment(to sink: Int) -> Bool {
        var distance = Array(repeating: Int.max, count: from.count)
        var last = Array(repeating: -1, count: from.count)
        var queue = [0]
        var isQueued = Array(repeating: false, count: from.count)
        distance[0] = 0
        var next = 0
        while next < queue.count {
            let node = queue[next]
            next += 1
            isQueued[node] = false
            for index in from[node] where links[index].capacity > 0 {
                let link = links[index]
                let length = distance[node] + link.cost
                guard length < distance[link.target] else { continue }
                distance[link.target] = length
                last[link.target] = index
                if !isQueued[link.target] {
                    isQueued[link.target] = true
                    queue.append(link.target)
                }
            }
        }
        guard last[sink] >= 0 else { return false }
        var path: [Int] = []
        var node = sink
        while node != 0 {
            path.append(last[node])
            node = links[last[node] ^ 1].target
        }
        let amount = path.map { links[$0].capacity }.min() ?? 0
        for index in path {
            links[index].capacity -= amount
            links[index ^ 1].capacity += amount
        }
        return amount > 0
    }
}
