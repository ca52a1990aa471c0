/// The samples of Flatpeak's two public pages, as data: the integration guide and "List tariffs".
enum Samples {
    static let mintRequest = """
        {
          "connect_url": "http://localhost:7070",
          "callback_url": "https://app.example/callback",
          "postal_address": {
            "address_line1": "1-3",
            "address_line2": "Strand",
            "city": "London",
            "state": "Greater London",
            "post_code": "WC2N 5EH",
            "country_code": "GB"
          }
        }
        """

    static let mintResponse = #"{"connect_token": "cot_6587fa4362341be5b524de3b", "expires_in": "86400"}"#

    static let claimResponse = """
        {
        "id": "cot_6587fa4362341be5b524de3b",
        "object": "connect_token",
        "location_id": "loc_641b90b758fb8e6293716e40"
        }
        """

    /// What clients read of it is the same without its last member.
    static let tariffs = tariffsForClients.replacing(
        #""time_created": "2023-05-05T05:37:27Z""#,
        with: #"""
            "time_created": "2023-05-05T05:37:27Z",
                  "account_id": "acc_661677911f2197045e6cf1b1"
            """#)

    static let tariffsForClients = """
        {
          "object": "list",
          "url": "/tariffs",
          "has_more": false,
          "data": [
            {
              "id": "trf_66ba584eb6923d7c3b942ef6",
              "object": "tariff",
              "location_id": "loc_641b90b758fb8e6293716e40",
              "live_mode": true,
              "is_linked": false,
              "connection_type": "MANUAL",
              "direction": "IMPORT",
              "type": "COMMODITY",
              "status": "CONNECTED",
              "timezone": "Europe/London",
              "display_name": "Flexible Go 2023",
              "provider_id": "prv_63a6087272921ef075a8fd3e",
              "market_rates": false,
              "contract_start_date": "2023-01-24T00:00:00Z",
              "contract_end_date": "2024-01-24T00:00:00Z",
              "schedule": [
                {
                  "months": ["All"],
                  "days_and_hours": [
                    {
                      "days": ["All"],
                      "hours": [
                        {
                          "valid_from": "05:00:00",
                          "valid_to": "23:30:00",
                          "rate": [
                            {"fixed": 23.431, "to_kwh": 30.5, "surcharge_fixed": 0.12, "surcharge_percentage": 0.05}
                          ]
                        }
                      ]
                    }
                  ]
                }
              ],
              "time_created": "2023-05-05T05:37:27Z"
            }
          ]
        }
        """
}
