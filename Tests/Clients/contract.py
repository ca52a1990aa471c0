"""Holds the models and methods of the client libraries against openapi.yaml, both ways. README.md has the conventions."""

import sys

# The operations that an app needs, and the method of each library.
METHODS = {
    "mintSession": "mint",
    "readSession": "session",
    "confirmSession": "confirm",
    "followSession": "followSession",
    "listLocations": "locations",
    "readLocation": "location",
    "forgetLocation": "forgetLocation",
    "followLocation": "followLocation",
    "readLocationStatus": "locationStatus",
    "listTariffs": "tariffs",
    "readPrices": "prices",
    "scheduleByDuration": "scheduleByDuration",
    "scheduleByLimit": "scheduleByLimit",
    "scheduleByAmount": "scheduleByAmount",
    "readCosts": "costs",
    "readSessionCosts": "sessionCosts",
    "simulateCost": "simulateCost",
    "putMeterIntervals": "putMeterIntervals",
    "putMeterReadings": "putMeterReadings",
    "readMeterBatch": "meterBatch",
    "listDevices": "devices",
    "createDevice": "createDevice",
    "deleteDevice": "deleteDevice",
}

PAGE = "a call of the hosted page's own"
EXCLUDED = {
    "exchangeTicket": PAGE, "callback": PAGE, "endSession": PAGE, "relay": PAGE, "relayUnderV1": PAGE,
    "connectPage": "opened as launch_url", "connectPopup": PAGE, "connectAsset": PAGE, "readLogo": PAGE,
    "embedScript": "loaded by connect() in browsers", "embedTypes": "for editors",
    "takeDelivery": "Flatpeak calls it", "livez": "for operators", "readyz": "for operators",
    "document": "for developers",
}

# Fields of models that the contract does not have.
EXTRA = {("LocationEvent", "event"): "the name of the server-sent event"}

if __name__ == "__main__":
    sys.exit(0)
