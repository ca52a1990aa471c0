"""Holds models and methods of the client libraries against openapi.yaml, both ways; README.md has the conventions."""

import copy
import dataclasses
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

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

# Requests that are arguments of a method, and no model.
ARGUMENTS = {"ConfirmationRequest": {"code"}}

# Fields of models that the contract does not have.
EXTRA = {("LocationEvent", "event"): "the name of the server-sent event"}

OWN_CODES = {"network_error", "invalid_answer"}


# The sources.

@dataclasses.dataclass
class Field:
    type: str
    is_optional: bool


@dataclasses.dataclass
class Enumeration:
    values: set
    # Whether a value that is not listed fits, too.
    is_open: bool


@dataclasses.dataclass
class Sources:
    """What a library declares. `types` understands the way in which its language writes one."""

    name: str
    models: dict
    enumerations: dict
    # The models that only the contract can be a reason for.
    exported: set
    methods: set
    text: str

    def parsed(self, type):
        """A kind and what it is of: text, number, integer, boolean, object, list, map, choice, date or model."""
        type = type.strip()
        simple = {
            "string": "text", "String": "text", "number": "number", "Double": "number", "Int": "integer",
            "Long": "integer", "boolean": "boolean", "Bool": "boolean", "Boolean": "boolean", "Date": "date",
            "Instant": "date", "URL": "text", "JSONObject": "object", "JsonObject": "object"}
        for pattern, kind in [
            (r"(.+)\[\]", "list"), (r"\[String: (.+)\]", "map"), (r"\[(.+)\]", "list"), (r"List<(.+)>", "list"),
            (r"(?:Record|Map)<[Ss]tring, (.+)>", "map"),
        ]:
            if (found := re.fullmatch(pattern, type)) and "|" not in type:
                # Any JSON of Flatpeak's.
                if kind == "map" and found[1] in ("JSONValue", "JsonElement"):
                    return "object", None
                return kind, found[1]
        if type.startswith("'"):
            return "choice", Enumeration(set(re.findall(r"'([^']*)'", type)), "(string & {})" in type)
        if type in simple:
            return simple[type], None
        if type in self.enumerations:
            return "choice", self.enumerations[type]
        return "model", type


def bodies(text, head):
    """The declarations that a pattern begins, each to the brace that closes it; with a name such as `Prices.Period`."""
    outer = []
    for found in re.finditer(head, text, re.M):
        outer = [(end, name) for end, name in outer if end > found.start()]
        end = closing(text, found.end() - 1)
        # What is in the braces of a Kotlin class is inside, too.
        more = re.compile(r"\)[^\n{]*\{").match(text, end)
        outer.append((closing(text, more.end() - 1) if more else end, found[1]))
        yield ".".join(name for _, name in outer), text[found.end():end]


def closing(text, start):
    """Where the brace at `start` is closed."""
    depth = 0
    for end in range(start, len(text)):
        depth += {"{": 1, "}": -1, "(": 1, ")": -1}.get(text[end], 0)
        if not depth:
            return end
    raise ValueError(f"this is not closed: {text[start:start + 80]}")


def without_comments(text):
    return re.sub(r"/\*.*?\*/|^\s*//.*?$", "", text, flags=re.S | re.M)


def read(folder, pattern):
    return {path: without_comments(path.read_text()) for path in sorted((ROOT / folder).rglob(pattern))}


def typescript():
    files = read("clients/typescript", "*.d.ts")
    text = "\n".join(files.values())
    models, enumerations = {}, {}
    for name, body in bodies(text, r"^export interface (\w+) \{"):
        fields = re.finditer(r"^  (\w+)(\??): ([^\n]+);$", body, re.M)
        models[name] = {found[1]: Field(found[3], bool(found[2])) for found in fields}
    for name, type in re.findall(r"^export type (\w+) =([^;]+);", text, re.M):
        if "'" in type:
            enumerations[name] = Enumeration(set(re.findall(r"'([^']*)'", type)), "(string & {})" in type)
    exported = set(re.findall(r"^export interface (\w+)", files[ROOT / "clients/typescript/models.d.ts"], re.M))
    methods = set(re.findall(r"^  (\w+)\(", files[ROOT / "clients/typescript/index.d.ts"], re.M))
    code = "\n".join(path.read_text() for path in (ROOT / "clients/typescript").glob("*.js"))
    return Sources("typescript", models, enumerations, exported, methods, text + code)


def swift():
    text = "\n".join(read("Sources/ConnectClient", "*.swift").values())
    models, enumerations = {}, {}
    for name, body in bodies(text, r"^ *public struct (\w+):[^{\n]*(?:Enumeration|RawRepresentable)[^{\n]*\{"):
        enumerations[name] = Enumeration(set(re.findall(r'"([^"\n]*)"', body)), True)
    for name, body in bodies(text, r"^ *public struct (\w+)[^{\n]*\{"):
        if name in enumerations:
            continue
        keys = "".join(body for _, body in bodies(body, r"(enum) CodingKeys[^{]*\{"))
        written = dict(re.findall(r'(\w+) = "(\w+)"', keys))
        # Not those of a struct inside of it.
        indent = re.search(r"^ *(?=public)", body, re.M)[0] if "public" in body else ""
        models[name] = {
            written.get(found[1], snake(found[1])): Field(found[2], bool(found[3])) for found in re.finditer(
                rf"^{indent}public (?:let|var) (\w+): ([^\n={{?]+?)(\??)(?: = [^\n{{]+)?$", body, re.M)}
    for name, body in bodies(text, r"^ *public enum (\w+)[^{\n]*\{"):
        enumerations[name] = Enumeration(set(re.findall(r'"([^"\n]*)"', body)), False)
    exported = set(re.findall(r"^ *public struct (\w+): (?:Codable|Decodable|Encodable)", text, re.M))
    return Sources("swift", models, enumerations, exported, set(re.findall(r"\bfunc (\w+)", text)), text)


def kotlin():
    text = "\n".join(read("clients/kotlin", "*.kt").values())
    models, enumerations = {}, {}
    for name, body in bodies(text, r"^ *(?:@\w+ )*data class (\w+)\("):
        models[name] = {
            found[1] or snake(found[2]): Field(found[3], bool(found[4])) for found in re.finditer(
                r'^ *(?:@SerialName\("(\w+)"\)\s+)?val (\w+): ([^\n=?]+?)(\??)(?: = [^\n]+?)?,?$', body, re.M)}
    for name, body in bodies(text, r"^ *(?:@\w+ )*value class (\w+)\([^)]*\)[^{\n]*\{"):
        enumerations[name] = Enumeration(set(re.findall(r'"([^"\n]*)"', body)), True)
    for name, body in bodies(text, r"^ *enum class (\w+)[^{\n]*\{"):
        enumerations[name] = Enumeration(set(re.findall(r'"([^"\n]*)"', body)), False)
    exported = set(re.findall(r"^@Serializable\n(?:@\w+\n)*data class (\w+)", text, re.M))
    return Sources("kotlin", models, enumerations, exported, set(re.findall(r"\bfun (\w+)", text)), text)


def snake(name):
    """`locationID` as the contract writes it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


# The comparison.

class Comparison:
    def __init__(self, document, sources):
        self.document, self.sources = document, sources
        self.faults, self.used = [], set()
        # The model whose fields are looked at.
        self.scope = ""

    def fault(self, text):
        if text not in self.faults:
            self.faults.append(text)

    def resolved(self, schema):
        """A schema without references, and its name."""
        name = None
        while "$ref" in schema or "allOf" in schema:
            if "$ref" in schema:
                name = schema["$ref"].rpartition("/")[2]
                schema = self.document["components"]["schemas"][name]
            else:
                schema = schema["allOf"][0]
        return schema, name

    def check(self, schema, type, where, is_answer):
        schema, name = self.resolved(schema)
        kind, of = self.sources.parsed(type)
        expected = schema.get("type")
        if isinstance(expected, list):
            expected = next(each for each in expected if each != "null")
        values = set(schema["enum"]) if "enum" in schema else {schema["const"]} if "const" in schema else None
        if values:
            if kind == "choice":
                # One value of an enumeration that is checked elsewhere.
                if of.values != values and not ("const" in schema and of.is_open and values < of.values):
                    self.fault(f"{where}: the values are {sorted(of.values)}, in the contract {sorted(values)}")
                if is_answer and not of.is_open and "const" not in schema:
                    self.fault(f"{where}: a new value would not fit")
                if name and name != type:
                    self.fault(f"{where}: {type} is {name} in the contract")
            elif kind != "text" or name:
                self.fault(f"{where}: {type}, in the contract {name or sorted(values)}")
        elif expected == "array":
            if kind == "list":
                self.check(schema["items"], of, f"{where}[]", is_answer)
            else:
                self.differs(where, type, "array")
        elif expected == "object" and "properties" in schema:
            self.check_model(schema, name, kind, type, where, is_answer)
        elif expected == "object" and isinstance(schema.get("additionalProperties"), dict):
            if kind != "map":
                self.differs(where, type, "a map")
            else:
                self.check(schema["additionalProperties"], of, f"{where}{{}}", is_answer)
        else:
            fits = {
                "string": {"text"} | ({"date"} if schema.get("format") == "date-time" else set()),
                "integer": {"integer"} | ({"number"} if self.sources.name == "typescript" else set()),
                "number": {"number"}, "boolean": {"boolean"}, "object": {"object"}}[expected]
            if kind not in fits:
                self.differs(where, type, expected)

    def differs(self, where, type, expected):
        self.fault(f"{where}: {type}, in the contract {expected}")

    def check_model(self, schema, name, kind, type, where, is_answer):
        scopes = [f"{self.scope}.{type}", f"{self.scope.rpartition('.')[0]}.{type}", type]
        type = next((each for each in scopes if each in self.sources.models), type)
        if kind != "model" or type not in self.sources.models:
            self.differs(where, type, f"{name or 'an object'}, and there is no model of that name")
            return
        if name and name in self.sources.models and name != type:
            self.fault(f"{where}: {type} is {name} in the contract")
        if (type, where) in self.used:
            return
        self.used.add((type, where))
        before, self.scope = self.scope, type
        self.check_fields(schema, type, is_answer)
        self.scope = before

    def check_fields(self, schema, type, is_answer):
        model = self.sources.models[type]
        for field, each in schema["properties"].items():
            place = f"{type}.{field}"
            if field not in model:
                # What kind of answer it is, the type says.
                if field != "object":
                    self.fault(f"{place} is missing")
                continue
            found = model[field].type
            is_nullable = isinstance(self.resolved(each)[0].get("type"), list)
            is_optional = model[field].is_optional
            if self.sources.name == "typescript":
                if found.endswith(" | null") != is_nullable:
                    self.fault(f"{place}: null {'may' if is_nullable else 'cannot'} come")
                found = found.removesuffix(" | null")
            should = field not in schema.get("required", ()) or (is_nullable and self.sources.name != "typescript")
            if is_optional != should:
                self.fault(f"{place} is {'optional' if is_optional else 'required'}, and in the contract not")
            self.check(each, found, place, is_answer)
        for field in model.keys() - schema["properties"].keys():
            if (type, field) not in EXTRA:
                self.fault(f"{type}.{field} is not in the contract")

    def check_top(self, schema, is_answer):
        """The schema of a whole body, whose model has its name."""
        resolved, name = self.resolved(schema)
        if name in ARGUMENTS:
            if resolved["properties"].keys() != ARGUMENTS[name]:
                self.fault(f"{name} has other fields than the arguments {ARGUMENTS[name]}")
        elif resolved.get("type") == "array":
            self.check_top(resolved["items"], is_answer)
        else:
            self.check(schema, name, name, is_answer)

    def run(self):
        codes, operations = set(), {}
        for path, methods in self.document["paths"].items():
            for operation in methods.values():
                if isinstance(operation, dict) and "operationId" in operation:
                    operations[operation["operationId"]] = path, operation
        for unknown in (METHODS.keys() | EXCLUDED.keys()) ^ operations.keys():
            self.fault(f"{unknown} is in the contract or in METHODS and EXCLUDED, and not in the other")
        for operation, method in METHODS.items():
            if operation not in operations:
                continue
            _, each = operations[operation]
            if method not in self.sources.methods:
                self.fault(f"there is no {method} for {operation}")
            for parameter in (self.of("parameters", every) for every in each.get("parameters", ())):
                if parameter["in"] == "query" and not self.mentions(parameter["name"]):
                    self.fault(f"{method}: {parameter['name']} of the query is not in the sources")
            if "requestBody" in each:
                self.check_top(each["requestBody"]["content"]["application/json"]["schema"], False)
            for status, every in each["responses"].items():
                response = self.of("responses", every)
                codes |= set(response.get("x-error-codes", ()))
                for content in response.get("content", {}).values() if status.startswith("2") else ():
                    schema = content["schema"]
                    event = schema.get("properties", {}).get("data", {}).get("contentSchema")
                    self.check_top(event or schema, True)
        self.check_codes(codes | OWN_CODES)
        for name in sorted(self.sources.exported - {type.rpartition(".")[2] for type, _ in self.used}):
            self.fault(f"{name} is a model, and no operation has it")
        return self.faults

    def of(self, kind, value):
        return self.document["components"][kind][value["$ref"].rpartition("/")[2]] if "$ref" in value else value

    def mentions(self, name):
        camel = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
        return re.search(rf"\b({name}|{camel}|{camel.removesuffix('Id')}ID)\b", self.sources.text)

    def check_codes(self, codes):
        known = self.sources.enumerations.get("ErrorCode")
        if not known or not known.is_open:
            self.fault("there is no open enumeration ErrorCode")
            return
        for code in sorted(codes - known.values):
            self.fault(f"ErrorCode: {code} is missing")
        for code in sorted(known.values - codes):
            self.fault(f"ErrorCode: {code} is not in the contract")


# That it finds what is wrong.

def self_test(document, sources):
    """What is planted in the contract or in the sources, and not found."""
    schemas = lambda changed: changed["components"]["schemas"]
    plants = [
        ("a new field", lambda changed: schemas(changed)["Session"]["properties"].update(later={"type": "string"}),
         "Session.later is missing"),
        ("a field less", lambda changed: schemas(changed)["Session"]["properties"].pop("location_id"),
         "Session.location_id is not in the contract"),
        ("a field less, deep down",
         lambda changed: schemas(changed)["Prices"]["properties"]["data"]["items"]["properties"]["price"]["properties"]
         .pop("confidence"), ".confidence is not in the contract"),
        ("another type", lambda changed: schemas(changed)["Session"]["properties"].update(live_mode={"type": "string"}),
         "Session.live_mode: "),
        ("a required field", lambda changed: schemas(changed)["Session"]["required"].append("ended_at"),
         "Session.ended_at is optional"),
        ("an optional field", lambda changed: schemas(changed)["Session"]["required"].remove("created_at"),
         "Session.created_at is required"),
        ("a new value", lambda changed: schemas(changed)["SessionState"]["enum"].append("hibernating"), "hibernating"),
        ("a new operation", lambda changed: changed["paths"].update({"/v1/new": {"get": {"operationId": "readNew"}}}),
         "readNew"),
        ("a new code",
         lambda changed: changed["components"]["responses"]["NotFound"]["x-error-codes"].append("gone_fishing"),
         "gone_fishing is missing"),
        ("a new parameter", lambda changed: changed["paths"]["/v1/tariffs/elements"]["get"]["parameters"].append(
            {"name": "colour_of_money", "in": "query"}), "colour_of_money"),
    ]
    for what, plant, expected in plants:
        changed = copy.deepcopy(document)
        plant(changed)
        found = Comparison(changed, sources).run()
        if not any(expected in each for each in found):
            yield f"self-test: {what} in the contract is not found: {found}"
    less = copy.deepcopy(sources)
    del less.models["Session"]["state"]
    less.models["Location"]["colour"] = Field("string", True)
    found = Comparison(document, less).run()
    if not {"Session.state is missing", "Location.colour is not in the contract"} <= set(found):
        yield f"self-test: changes of the models are not found: {found}"


def main():
    document = yaml.load((ROOT / "openapi.yaml").read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    faults = []
    for folder, parse in [
        ("clients/typescript", typescript), ("Sources/ConnectClient", swift), ("clients/kotlin", kotlin)]:
        if not (ROOT / folder).exists():
            continue
        sources = parse()
        comparison = Comparison(document, sources)
        found = comparison.run()
        found = found or list(self_test(document, sources))
        faults += [f"{sources.name}: {each}" for each in found]
        if not found:
            count = len({type for type, _ in comparison.used})
            print(f"check-clients: {sources.name}: {count} models and {len(METHODS)} methods follow openapi.yaml")
    for fault in faults:
        print(f"check-clients: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
