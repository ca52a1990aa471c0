/// What the public pages show of schedules, costs, meter records, devices and locations, in both editions of the newer
/// version and in the older one: their fields and shapes, with figures of our own.
enum EnergySamples {
    // MARK: - Schedules (upstream.md §6.6)

    static let durationRequest = """
        {"start_time": "2026-03-01T19:00:00Z", "end_time": "2026-03-02T05:00:00Z", "segment": "LOW", "duration": 120,
         "tariff_direction": "IMPORT"}
        """

    static let durationAnswer = """
        {
          "id": "std_66ba584eb6923d7c3b942ef6", "object": "schedule_duration", "live_mode": false,
          "location_id": "loc_641b90b758fb8e6293716e40", "location_timezone": "Europe/London", "currency_code": "GBP",
          "tariff_direction": "IMPORT", "next_update": "2026-03-01T20:00:00Z",
          "request": {"start_time": "2026-03-01T19:00:00Z", "segment": "LOW", "duration": 120},
          "data": [
            {"start_time": "2026-03-02T01:00:00Z", "end_time": "2026-03-02T02:30:00Z",
             "price": {"average": 0.07510, "confidence": 1}},
            {"start_time": "2026-03-02T04:00:00Z", "end_time": "2026-03-02T04:30:00Z",
             "price": {"average": 1e-1, "confidence": 0.6}}
          ],
          "time_created": "2026-03-01T18:59:01Z", "account_id": "acc_661677911f2197045e6cf1b1"
        }
        """

    /// The older edition of the same version, and the version before, name the prices in this way.
    static let olderDurationAnswer = durationAnswer.replacing(
        "\"price\": {\"average\"", with: "\"tariff\": {\"rate_avg\""
    )
    .replacing("\"tariff_direction\"", with: "\"direction\"")

    static let durationForClients = """
        {
          "object": "schedule_duration", "location_id": "loc_641b90b758fb8e6293716e40",
          "location_timezone": "Europe/London", "currency_code": "GBP", "tariff_direction": "IMPORT",
          "next_update": "2026-03-01T20:00:00Z",
          "data": [
            {"start_time": "2026-03-02T01:00:00Z", "end_time": "2026-03-02T02:30:00Z",
             "price": {"average": 0.07510, "confidence": 1}},
            {"start_time": "2026-03-02T04:00:00Z", "end_time": "2026-03-02T04:30:00Z",
             "price": {"average": 1e-1, "confidence": 0.6}}
          ]
        }
        """

    static let limitAnswer = """
        {
          "id": "spl_66ba584eb6923d7c3b942ef6", "object": "schedule_limit", "live_mode": false,
          "location_id": "loc_641b90b758fb8e6293716e40", "location_timezone": "Europe/London", "currency_code": "GBP",
          "tariff_direction": "EXPORT", "duration": 90, "request": {"segment": "HIGH", "relative": 0.75},
          "data": [{"start_time": "2026-03-02T17:00:00Z", "end_time": "2026-03-02T18:30:00Z",
                    "price": {"value": 0.41, "confidence": 1}, "vpp_event": false}],
          "time_created": "2026-03-01T18:59:01Z", "account_id": "acc_661677911f2197045e6cf1b1"
        }
        """

    static let limitForClients = """
        {
          "object": "schedule_limit", "location_id": "loc_641b90b758fb8e6293716e40",
          "location_timezone": "Europe/London", "currency_code": "GBP", "tariff_direction": "EXPORT", "duration": 90,
          "data": [{"start_time": "2026-03-02T17:00:00Z", "end_time": "2026-03-02T18:30:00Z",
                    "price": {"average": 0.41, "confidence": 1}}]
        }
        """

    static let amountRequest = """
        {
          "max_power": {"units": "KW", "value": 14},
          "shaving_threshold": {"absolute": 0.3},
          "data": [{"device_id": "dev_1", "tariff_direction": "IMPORT", "start_time": "2026-03-01T19:00:00Z",
                    "end_time": "2026-03-02T05:00:00Z", "max_power": {"units": "KW", "value": 7},
                    "energy": {"units": "KWH", "value": 5.3}}]
        }
        """

    static let amountAnswer = """
        {
          "id": "sae_66ba584eb6923d7c3b942ef6", "object": "schedule_amount", "live_mode": false,
          "location_id": "loc_641b90b758fb8e6293716e40", "location_timezone": "Europe/London", "currency_code": "GBP",
          "max_power": {"units": "KW", "value": 14}, "shaving_threshold": {"absolute": 0.3},
          "cost": {"value": 0.39750, "confidence": 1}, "savings": {"value": 1.10, "percentage": 73.5},
          "data": [{
            "device_id": "dev_1", "tariff_direction": "IMPORT", "start_time": "2026-03-01T19:00:00Z",
            "end_time": "2026-03-02T05:00:00Z", "max_power": {"units": "KW", "value": 7},
            "energy": {"units": "KWH", "value": 5.3}, "cost": {"value": 0.39750, "confidence": 1},
            "savings": {"value": 1.10, "percentage": 73.5},
            "schedule": [{"start_time": "2026-03-02T01:00:00Z", "end_time": "2026-03-02T01:45:26Z",
                          "power": {"units": "KW", "value": 7}}]}],
          "time_created": "2026-03-01T18:59:01Z", "account_id": "acc_661677911f2197045e6cf1b1"
        }
        """

    static let olderAmountAnswer = amountAnswer.replacing("\"cost\"", with: "\"tariff\"")
        .replacing("\"tariff_direction\"", with: "\"direction\"")

    static let amountForClients = amountAnswer.replacing("\"id\": \"sae_66ba584eb6923d7c3b942ef6\", ", with: "")
        .replacing("\"live_mode\": false,\n", with: "\n")
        .replacing(", \"account_id\": \"acc_661677911f2197045e6cf1b1\"", with: "")

    // MARK: - Costs (upstream.md §6.7)

    static let recordRequest = """
        {"location_id": "loc_641b90b758fb8e6293716e40", "units": "WH", "value": 5300,
         "start_time": "2026-03-02T01:00:00+01:00", "end_time": "2026-03-02T01:45:00+01:00",
         "energy_flow_direction": "INBOUND", "tariff_direction": "IMPORT",
         "session_reference_id": "loc_641b90b758fb8e6293716e40.charge-17", "record_reference_id": "log-1",
         "confidence": 1}
        """

    static let olderRecordRequest = recordRequest.replacing("\"tariff_direction\"", with: "\"tariff_rate\"")
        .replacing("\"energy_flow_direction\": \"INBOUND\"", with: "\"direction\": \"IMPORT\"")

    static let recordAnswer = """
        {
          "id": "mre_66ba584eb6923d7c3b942ef6", "object": "meter_record", "live_mode": false,
          "energy_flow_direction": "INBOUND", "tariff_direction": "IMPORT", "currency_code": "GBP",
          "energy_units": "WH", "request": {"units": "WH", "value": 5300},
          "data": {"start_time": "2026-03-02T00:00:00Z", "end_time": "2026-03-02T00:45:00Z",
                   "session_reference_id": "loc_641b90b758fb8e6293716e40.charge-17", "record_reference_id": "log-1",
                   "energy": {"value": 5300}, "cost": {"value": 0.39750, "confidence": 1}},
          "time_created": "2026-03-02T00:46:00Z", "account_id": "acc_661677911f2197045e6cf1b1"
        }
        """

    /// The version before: other names, and carbon beside the cost.
    static let olderRecordAnswer = recordAnswer.replacing("\"tariff_direction\"", with: "\"tariff_rate\"")
        .replacing("\"energy_flow_direction\": \"INBOUND\"", with: "\"direction\": \"IMPORT\"")
        .replacing("\"cost\":", with: "\"carbon\": {\"value\": 812, \"confidence\": 1}, \"tariff\":")
        .replacing("\"energy_units\"", with: "\"carbon_units\": \"gCO2eq\", \"energy_units\"")

    static let recordForClients = """
        {
          "object": "meter_record", "energy_flow_direction": "INBOUND", "tariff_direction": "IMPORT",
          "currency_code": "GBP", "energy_units": "WH",
          "data": {"start_time": "2026-03-02T00:00:00Z", "end_time": "2026-03-02T00:45:00Z",
                   "energy": {"value": 5300}, "session_reference_id": "charge-17", "record_reference_id": "log-1",
                   "cost": {"value": 0.39750, "confidence": 1}}
        }
        """

    static let costsAnswer = """
        {
          "id": "ecs_66ba584eb6923d7c3b942ef6", "object": "energy_cost", "object_id": "loc_641b90b758fb8e6293716e40",
          "live_mode": false, "tariff_direction": "IMPORT", "location_timezone": "Europe/London",
          "currency_code": "GBP", "energy_units": "WH",
          "data": [
            {"start_time": "2026-03-01T00:00:00Z", "end_time": "2026-03-02T00:00:00Z", "energy": {"value": 8123.50},
             "session_reference_id": "loc_641b90b758fb8e6293716e40.charge-17", "record_reference_id": "log-1",
             "cost": {"value": 2.07, "confidence": 1}},
            {"start_time": "2026-03-02T00:00:00Z", "end_time": "2026-03-03T00:00:00Z", "energy": {"value": 12},
             "session_reference_id": "loc_other.charge-17", "cost": {"value": 9.99, "confidence": 1}},
            {"start_time": "2026-03-02T00:00:00Z", "end_time": "2026-03-03T00:00:00Z", "energy": {"value": 13},
             "session_reference_id": "charge-of-another-backend", "cost": {"value": 9.99, "confidence": 1}},
            {"start_time": "2026-03-02T00:00:00Z", "end_time": "2026-03-03T00:00:00Z", "energy": {"value": 14},
             "cost": {"value": 0, "confidence": 0}}
          ],
          "account_id": "acc_661677911f2197045e6cf1b1"
        }
        """

    static let olderCostsAnswer = costsAnswer.replacing("\"cost\":", with: "\"tariff\":")
        .replacing("\"tariff_direction\"", with: "\"direction\"")
        .replacing("\"live_mode\"", with: "\"carbon_units\": \"gCO2eq\", \"live_mode\"")

    static let costsForClients = """
        {
          "object": "energy_cost", "location_id": "loc_641b90b758fb8e6293716e40",
          "location_timezone": "Europe/London", "currency_code": "GBP", "tariff_direction": "IMPORT",
          "energy_units": "WH",
          "data": [
            {"start_time": "2026-03-01T00:00:00Z", "end_time": "2026-03-02T00:00:00Z", "energy": {"value": 8123.50},
             "session_reference_id": "charge-17", "record_reference_id": "log-1",
             "cost": {"value": 2.07, "confidence": 1}},
            {"start_time": "2026-03-02T00:00:00Z", "end_time": "2026-03-03T00:00:00Z", "energy": {"value": 14},
             "cost": {"value": 0, "confidence": 0}}
          ]
        }
        """

    // MARK: - Meter records and devices (upstream.md §6.8, §6.9)

    static let batchAnswer = """
        {
          "id": "bat_66ba584eb6923d7c3b942ef6", "object": "meter_batch", "records_submitted": 3, "records_accepted": 2,
          "records_processed": 1,
          "failed_records": [{"record_num": 1, "record_reference_id": "log-2", "error": "end_time must be later"}],
          "time_created": "2026-03-02T00:46:00Z", "account_id": "acc_661677911f2197045e6cf1b1"
        }
        """

    static let deviceAnswer = """
        {
          "id": "dev_66ba584eb6923d7c3b942ef6", "object": "device", "live_mode": false,
          "reference_id": "loc_641b90b758fb8e6293716e40.garage", "last_seen": "2026-03-02T00:46:00Z",
          "time_created": "2026-03-01T00:46:00Z", "account_id": "acc_661677911f2197045e6cf1b1"
        }
        """

    // MARK: - Locations (upstream.md §6.2)

    static let locationAnswer = """
        {
          "id": "loc_641b90b758fb8e6293716e40", "object": "location", "live_mode": true,
          "time_created": "2026-02-01T00:00:00Z", "account_id": "acc_661677911f2197045e6cf1b1",
          "reference_id": "house-7", "customer_id": "cus_661677911f2197045e6cf1b1", "timezone": "Europe/London",
          "currency_code": "GBP", "flex_allowed": true,
          "postal_address": {"address_line1": "1-3", "address_line2": "Strand", "city": "London",
                             "state": "Greater London", "post_code": "WC2N 5EH", "country_code": "GB"},
          "geo_location": {"lat": 51.507220, "lng": -0.12},
          "market_sources": {"import": "mrs_661677911f2197045e6cf1b1", "export": "mrs_661677911f2197045e6cf1b2"},
          "tariff_status": {"commodity_import": "CONNECTED", "commodity_export": "CONNECTED ",
                            "non_commodity_import": "NOT_CONNECTED", "non_commodity_export": "NOT_SUPPORTED",
                            "local": "NOT_CONNECTED"},
          "tariff_elements": ["trf_66ba584eb6923d7c3b942ef6"]
        }
        """

    /// As another edition has it: states with more about them, and tariffs with connect tokens.
    static let olderLocationAnswer = locationAnswer.replacing(
        "\"CONNECTED\"", with: "{\"status\": \"CONNECTED\", \"connection_type\": \"DIRECT\"}"
    ).replacing(
        "[\"trf_66ba584eb6923d7c3b942ef6\"]",
        with: "[{\"tariff_id\": \"trf_1\", \"connect_token\": \"cot_secret\"}, \"cot_secret\"]")

    static let locationForClients = """
        {
          "id": "loc_641b90b758fb8e6293716e40", "object": "location", "live_mode": true, "timezone": "Europe/London",
          "currency_code": "GBP", "flex_allowed": true,
          "postal_address": {"address_line1": "1-3", "address_line2": "Strand", "city": "London",
                             "state": "Greater London", "post_code": "WC2N 5EH", "country_code": "GB"},
          "geo_location": {"lat": 51.507220, "lng": -0.12},
          "tariff_status": {"commodity_import": "CONNECTED", "commodity_export": "CONNECTED",
                            "non_commodity_import": "NOT_CONNECTED", "non_commodity_export": "NOT_SUPPORTED",
                            "local": "NOT_CONNECTED"}
        }
        """
}
