/// An enumeration to which later releases add values.
///
/// An unknown one is kept as it came.
public protocol OpenEnumeration: RawRepresentable<String>, Codable, Hashable, Sendable, ExpressibleByStringLiteral {
    /// Takes any value, also one that this release does not list.
    init(rawValue: String)
}

extension OpenEnumeration {
    /// Takes a value that this release may not list.
    public init(stringLiteral value: String) { self.init(rawValue: value) }
}

extension ConnectClient {
    /// Which way the energy flows.
    ///
    /// `LOCAL` is what is generated and used at the location.
    public struct Direction: OpenEnumeration {
        /// From the grid.
        public static let importing = Direction(rawValue: "IMPORT")
        /// To the grid.
        public static let exporting = Direction(rawValue: "EXPORT")
        /// Generated and used at the location.
        public static let local = Direction(rawValue: "LOCAL")

        /// The value as the service writes it.
        public let rawValue: String

        /// Takes any value, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// What a tariff charges for.
    public struct TariffType: OpenEnumeration {
        /// The energy.
        public static let commodity = TariffType(rawValue: "COMMODITY")
        /// What comes on top of the energy, such as the grid.
        public static let nonCommodity = TariffType(rawValue: "NON_COMMODITY")

        /// The value as the service writes it.
        public let rawValue: String

        /// Takes any value, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// The state of a session.
    ///
    /// `abandoned` and `pending` may change after the session has ended, too.
    public struct SessionState: OpenEnumeration {
        /// The session is minted.
        ///
        /// Nothing has happened.
        public static let created = SessionState(rawValue: "created")
        /// The customer is in Connect, or left and Flatpeak could not be queried yet.
        public static let active = SessionState(rawValue: "active")
        /// The customer left before the end.
        ///
        /// Mint again.
        public static let abandoned = SessionState(rawValue: "abandoned")
        /// The provider has not delivered the tariff.
        ///
        /// This may take 48 hours.
        public static let pending = SessionState(rawValue: "pending")
        /// The tariff is connected.
        public static let connected = SessionState(rawValue: "connected")
        /// Flatpeak reports an error for the tariff, or `reason` says why.
        public static let failed = SessionState(rawValue: "failed")
        /// The tariff is not connected any more, as it was asked for.
        public static let disconnected = SessionState(rawValue: "disconnected")
        /// The token expired and nothing was connected, or nothing was confirmed.
        ///
        /// Final.
        public static let expired = SessionState(rawValue: "expired")

        /// The value as the service writes it.
        public let rawValue: String

        /// Takes any value, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// What the customer has to do at a location: mint with its id and the action `edit`.
    public struct ActionRequired: OpenEnumeration {
        /// The tariff expired, or its provider does not let Flatpeak read it any more.
        public static let reconnect = ActionRequired(rawValue: "reconnect")
        /// The tariff can be connected in a better way now.
        public static let upgrade = ActionRequired(rawValue: "upgrade")
        /// The contract ends within days.
        public static let renew = ActionRequired(rawValue: "renew")

        /// The value as the service writes it.
        public let rawValue: String

        /// Takes any value, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// What a session does at once with the tariff of its location.
    public struct MintAction: OpenEnumeration {
        /// Starts at the list of providers.
        public static let edit = MintAction(rawValue: "edit")
        /// Removes the tariff.
        public static let disconnect = MintAction(rawValue: "disconnect")

        /// The value as the service writes it.
        public let rawValue: String

        /// Takes any value, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// Which side of the prices is of interest.
    public struct PriceSegment: OpenEnumeration {
        /// Cheap energy.
        public static let low = PriceSegment(rawValue: "LOW")
        /// Dear energy.
        public static let high = PriceSegment(rawValue: "HIGH")

        /// The value as the service writes it.
        public let rawValue: String

        /// Takes any value, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// What the meter records of a row of costs have in common.
    public struct Aggregation: OpenEnumeration {
        /// The day at the location.
        public static let day = Aggregation(rawValue: "DAY")
        /// The month at the location.
        public static let month = Aggregation(rawValue: "MONTH")

        /// The value as the service writes it.
        public let rawValue: String

        /// Takes any value, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// Which way the energy flowed, seen from the location.
    public struct EnergyFlow: OpenEnumeration {
        /// Into the location.
        public static let inbound = EnergyFlow(rawValue: "INBOUND")
        /// Out of the location.
        public static let outbound = EnergyFlow(rawValue: "OUTBOUND")

        /// The value as the service writes it.
        public let rawValue: String

        /// Takes any value, also one that this release does not list.
        public init(rawValue: String) { self.rawValue = rawValue }
    }
}
