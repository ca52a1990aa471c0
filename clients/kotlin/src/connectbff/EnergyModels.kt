package connectbff

import kotlinx.serialization.Serializable
import kotlinx.serialization.builtins.MapSerializer
import kotlinx.serialization.builtins.serializer
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonTransformingSerializer
import kotlinx.serialization.json.jsonObject

/** The user's own locations. */
@Serializable
data class LocationList(
    val data: List<Entry> = emptyList(),
) {
    @Serializable
    data class Entry(
        val id: String,
        val actionRequired: ActionRequired? = null,
        /** A session that changed a tariff there was not confirmed; until it is, reads are refused. */
        val confirmationRequired: Boolean? = null,
    )
}

/** What the user has to do at a location: mint with it and `action = "edit"`. Expect values without a name here. */
@JvmInline
@Serializable
value class ActionRequired(val value: String) {
    override fun toString(): String = value

    companion object {
        val Reconnect = ActionRequired("reconnect")
        val Upgrade = ActionRequired("upgrade")
        val Renew = ActionRequired("renew")
    }
}

/** What changed at a location: read again what is shown. */
@Serializable
data class LocationEvent(
    /** `location.updated` or `tariff.action_required`. */
    val event: String = "",
    val locationId: String,
    val actionRequired: ActionRequired? = null,
    val at: String,
)

/** A location. */
@Serializable
data class Location(
    val id: String,
    val liveMode: Boolean? = null,
    /** A name of the IANA time zone database. */
    val timezone: String? = null,
    /** ISO 4217. */
    val currencyCode: String? = null,
    val flexAllowed: Boolean? = null,
    val postalAddress: PostalAddress? = null,
    val geoLocation: GeoLocation? = null,
    val tariffStatus: TariffStatus? = null,
    val actionRequired: ActionRequired? = null,
) {
    @Serializable
    data class GeoLocation(
        val lat: Double? = null,
        val lng: Double? = null,
    )

    /** `CONNECTED`, `NOT_CONNECTED`, `ERROR`, `NOT_SUPPORTED` or another status; it may end in a blank. */
    @Serializable
    data class TariffStatus(
        val commodityImport: String? = null,
        val commodityExport: String? = null,
        val nonCommodityImport: String? = null,
        val nonCommodityExport: String? = null,
        val local: String? = null,
    )
}

/** The tariffs of a location, by kind: one tile for each. */
@Serializable
data class LocationStatus(
    val id: String? = null,
    val liveMode: Boolean? = null,
    val timeCreated: String? = null,
    val actionRequired: ActionRequired? = null,
    /** By kind: `commodity_import` and the others of [Location.TariffStatus], and what is added later. */
    @Serializable(with = Slots::class)
    val tariffStatus: Map<String, Slot>,
) {
    @Serializable
    data class Slot(
        /** As in [Location.TariffStatus]. */
        val status: String,
        val connectionType: String? = null,
        val provider: JSONObject? = null,
        val tariff: JSONObject? = null,
    )

    /** Flatpeak's own: an entry that is no slot is left out. */
    internal object Slots : JsonTransformingSerializer<Map<String, Slot>>(
        MapSerializer(String.serializer(), Slot.serializer())
    ) {
        override fun transformDeserialize(element: JsonElement): JsonElement =
            JSONObject(element.jsonObject.filterValues { it is JSONObject && "status" in it })
    }
}

/** A page of tariffs, the newest first. */
@Serializable
data class TariffList(
    val url: String? = null,
    /** Whether another page follows, after the last `id` of this one. */
    val hasMore: Boolean? = null,
    val data: List<Tariff> = emptyList(),
)

/** A tariff of Flatpeak's. */
@Serializable
data class Tariff(
    val id: String? = null,
    val locationId: String? = null,
    val liveMode: Boolean? = null,
    val isLinked: Boolean? = null,
    val connectionType: String? = null,
    val direction: String? = null,
    val type: String? = null,
    val status: String? = null,
    val timezone: String? = null,
    val displayName: String? = null,
    val providerId: String? = null,
    val marketRates: Boolean? = null,
    val contractStartDate: String? = null,
    val contractEndDate: String? = null,
    val schedule: List<JSONObject>? = null,
    val timeCreated: String? = null,
)

/** What energy costs. */
@Serializable
data class Prices(
    val id: String? = null,
    val liveMode: Boolean? = null,
    val locationId: String? = null,
    val locationTimezone: String? = null,
    val currencyCode: String? = null,
    val tariffDirection: String? = null,
    val lastUpdated: String? = null,
    val nextUpdate: String? = null,
    val request: JSONObject? = null,
    val data: List<Period> = emptyList(),
    val timeCreated: String? = null,
) {
    @Serializable
    data class Period(
        val validFrom: String? = null,
        val validTo: String? = null,
        val price: Price? = null,
    )

    @Serializable
    data class Price(
        /** For each kWh, in the currency's major unit. */
        val value: Double? = null,
        /** 1 for a price that is known. */
        val confidence: Double? = null,
    )
}

/** Which side of the prices is of interest: cheap or dear. */
@JvmInline
@Serializable
value class PriceSegment(val value: String) {
    override fun toString(): String = value

    companion object {
        val Low = PriceSegment("LOW")
        val High = PriceSegment("HIGH")
    }
}

/** What the records of a row of costs have in common. */
@JvmInline
@Serializable
value class Aggregation(val value: String) {
    override fun toString(): String = value

    companion object {
        val Day = Aggregation("DAY")
        val Month = Aggregation("MONTH")
    }
}

/** When energy is cheap or dear. */
@Serializable
data class Schedule(
    val locationId: String,
    val locationTimezone: String? = null,
    val currencyCode: String? = null,
    val tariffDirection: String,
    val nextUpdate: String? = null,
    /** The minutes in all, in a schedule by limit. */
    val duration: Double? = null,
    val data: List<Period> = emptyList(),
) {
    @Serializable
    data class Period(
        val startTime: String,
        val endTime: String,
        val price: Price? = null,
    )

    @Serializable
    data class Price(
        /** For each kWh, in the currency's major unit. */
        val average: Double? = null,
        val confidence: Double? = null,
    )
}

/** Power, in `W` or `KW`. */
@Serializable
data class Power(
    val units: String,
    val value: Double,
)

/** Energy, in `WH` or `KWH`. */
@Serializable
data class Energy(
    val units: String,
    val value: Double,
)

/** The energy that devices need, and by when. */
@Serializable
data class AmountRequest(
    val locationId: String? = null,
    /** The limit of the whole location. */
    val maxPower: Power,
    /** The price above which nothing is bought. */
    val shavingThreshold: ShavingThreshold? = null,
    val data: List<Need>,
) {
    /** One of the two. */
    @Serializable
    data class ShavingThreshold(
        /** 0.01 to 1, which is the highest price of the window. */
        val relative: Double? = null,
        /** For each kWh, in the currency's major unit. */
        val absolute: Double? = null,
    )

    @Serializable
    data class Need(
        val deviceId: String,
        val tariffDirection: Direction? = null,
        val startTime: String? = null,
        /** By when the energy is needed. */
        val endTime: String,
        /** The limit of the device. */
        val maxPower: Power? = null,
        val energy: Energy,
    )
}

/** When devices are to run. */
@Serializable
data class AmountSchedule(
    val locationId: String,
    val locationTimezone: String? = null,
    val currencyCode: String? = null,
    val nextUpdate: String? = null,
    val maxPower: JSONObject? = null,
    val shavingThreshold: JSONObject? = null,
    val cost: Cost? = null,
    val savings: Savings? = null,
    val data: List<Plan> = emptyList(),
    val timeCreated: String? = null,
) {
    @Serializable
    data class Plan(
        val deviceId: String,
        val tariffDirection: String? = null,
        val startTime: String? = null,
        val endTime: String? = null,
        val maxPower: JSONObject? = null,
        val energy: JSONObject? = null,
        val cost: Cost? = null,
        val savings: Savings? = null,
        /** Between the steps the device is off. */
        val schedule: List<Step> = emptyList(),
    )

    @Serializable
    data class Step(
        val startTime: String,
        val endTime: String,
        val power: JSONObject? = null,
    )
}

/** A cost in the currency's major unit. */
@Serializable
data class Cost(
    val value: Double? = null,
    /** 1 where every price is known; 0 where there is none. */
    val confidence: Double? = null,
)

/** What a plan saves, in the currency's major unit and in percent. */
@Serializable
data class Savings(
    val value: Double? = null,
    val percentage: Double? = null,
)

/** What energy cost. */
@Serializable
data class EnergyCosts(
    val locationId: String,
    val deviceId: String? = null,
    val locationTimezone: String? = null,
    val currencyCode: String? = null,
    val tariffDirection: String,
    /** `WH`. */
    val energyUnits: String? = null,
    val data: List<CostedEnergy> = emptyList(),
)

/** The energy of one period, and its cost. */
@Serializable
data class CostedEnergy(
    val startTime: String,
    val endTime: String,
    val energy: Amount? = null,
    val sessionReferenceId: String? = null,
    val recordReferenceId: String? = null,
    val cost: Cost? = null,
) {
    @Serializable
    data class Amount(
        val value: Double? = null,
    )
}

/** The energy of one period. */
@Serializable
data class MeterRecord(
    val locationId: String? = null,
    val deviceId: String? = null,
    /** `W`, `KW`, `WH` or `KWH`; the first two are constant power over the period. */
    val units: String,
    val value: Double,
    val startTime: String,
    val endTime: String,
    val energyFlowDirection: EnergyFlow? = null,
    val tariffDirection: Direction? = null,
    /** The app's name for what the record belongs to, such as a charge. */
    val sessionReferenceId: String? = null,
    /** The app's name for the record. */
    val recordReferenceId: String? = null,
    /** Below 1 for a forecast. */
    val confidence: Double? = null,
)

/** Which way energy flowed, seen from the location. */
@JvmInline
@Serializable
value class EnergyFlow(val value: String) {
    override fun toString(): String = value

    companion object {
        val Inbound = EnergyFlow("INBOUND")
        val Outbound = EnergyFlow("OUTBOUND")
    }
}

/** What the energy of one record costs. */
@Serializable
data class RecordCost(
    val energyFlowDirection: String? = null,
    val tariffDirection: String? = null,
    val currencyCode: String? = null,
    val energyUnits: String? = null,
    val data: CostedEnergy,
)

/** What one register showed at a number of instants. */
@Serializable
data class MeterReadings(
    val locationId: String? = null,
    val deviceId: String? = null,
    val sessionReferenceId: String? = null,
    val energyFlowDirection: EnergyFlow? = null,
    val tariffDirection: Direction? = null,
    /** `WH` or `KWH`. */
    val units: String,
    val data: List<Reading>,
) {
    @Serializable
    data class Reading(
        /** Seconds since 1970. */
        val time: Long,
        val value: Double,
        val recordReferenceId: String? = null,
    )
}

/** What became of meter records that were sent together. */
@Serializable
data class MeterBatch(
    val id: String,
    val recordsSubmitted: Long? = null,
    val recordsAccepted: Long? = null,
    /** Grows until it is [recordsAccepted]. */
    val recordsProcessed: Long? = null,
    val failedRecords: List<FailedRecord> = emptyList(),
    val timeCreated: String? = null,
) {
    @Serializable
    data class FailedRecord(
        /** The place in the request, from 0 on. */
        val recordNum: Long? = null,
        val recordReferenceId: String? = null,
        val error: String? = null,
    )
}

/** A device to create. */
@Serializable
data class DeviceRequest(
    /** The app's own name for it, 1 to 64 of `[A-Za-z0-9_-]`. */
    val referenceId: String? = null,
    /** `EV_CHARGER`, `ELECTRIC_VEHICLE`, `BATTERY_SYSTEM`, `PV_SYSTEM` or `OTHER`. */
    val type: String? = null,
    val manufacturer: String? = null,
    val modelCode: String? = null,
    val modelName: String? = null,
    val pvSystem: PvSystem? = null,
) {
    /** A solar system, for a forecast of it. */
    @Serializable
    data class PvSystem(
        val ratedPowerKw: Double,
        val installDate: String? = null,
        val azimuth: Double? = null,
        val tilt: Double? = null,
        val terrainShading: Boolean? = null,
        val forecasts: Forecasts? = null,
    )

    @Serializable
    data class Forecasts(
        val enabled: Boolean? = null,
    )
}

/** A device at a location. */
@Serializable
data class Device(
    val id: String,
    val referenceId: String? = null,
    val type: String? = null,
    val timeCreated: String,
)

/** The user's devices at a location, the oldest first. */
@Serializable
data class DeviceList(
    val data: List<Device> = emptyList(),
)
