"""Mutated upstream answers: a correct JSON document becomes one that is wrong in type, size, framing, status or timing.

Everything follows from the random source that is passed in, so that a mutation can be made again from its seed.
"""

import json

# Made once: building them for each answer would hold up the event loop.
_LONG_STRING = b'"' + b"A" * (5 << 20) + b'"'
_LONG_ARRAY = b"[" + b",".join([b"0"] * 100_000) + b"]"
_OBJECTS = b"[" + b",".join([b'{"id":"x","object":"tariff"}'] * 100_000) + b"]"
_MANY_KEYS = b"{" + b",".join(b'"k%d":%d' % (number, number) for number in range(50_000)) + b"}"
_DIGITS = b"9" * 50_000

NUMBERS = [
    b"-1", b"0", b"-0", b"1", b"0.5", b"-0.0000001", b"1e308", b"-1e308", b"1.7976931348623157e308", b"5e-324",
    b"1e400", b"-1e400", b"1e999999999", b"1e-999999999", b"9007199254740993", b"2147483648", b"4294967296",
    b"999999999", b"1000000000", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
    b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616", b"1e18", b"1e19", b"1E+2", b"9" * 400,
    b"0." + b"3" * 400, _DIGITS, b"0." + _DIGITS]
NOT_JSON = [
    b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf", b"0x10", b"01", b"+1", b"1.", b".5", b"1e", b"--1", b"'a'",
    b"undefined", b"True", b"None", b"", b"1_000", b"\x001", b"/**/1", b'"\x01"', b'"\n"', b'"\\x41"', b'"\\u12"',
    b'"open', b"[1,]", b'{"a":1,}', b'{a:1}', b"\xff"]
NUMBER_STRINGS = [
    b'"3600"', b'"3600 "', b'" 3600"', b'"-1"', b'"0"', b'"1e3"', b'"1e400"', b'"NaN"', b'"nan"', b'"Infinity"',
    b'"0x10"', b'"9223372036854775808"', b'"3.6e3"', b'"3600\\u0000"', b'"\xd9\xa3\xd9\xa6"',
    b'"%s"' % (b"9" * 5000)]
OTHER_TYPES = [
    b"null", b"true", b"false", b"[]", b"{}", b'""', b"[[]]", b"[null]", b'{"a":1}', b'["a"]', b'{"":{}}', b"[{}]",
    b'[{"id":null}]']
DATES = [
    "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "-271821-04-20T00:00:00Z", "0001-01-01",
    "1582-10-10T00:00:00Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2038-01-19T03:14:08Z",
    "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "+275760-09-13T00:00:00Z", "275760-09-13T00:00:00Z",
    "275761-01-01T00:00:00Z", "292277026596-12-04T15:30:08Z", "9223372036854775807-01-01T00:00:00Z",
    "99999999999999999999-01-01T00:00:00Z", "2026-12-31T23:59:60Z", "2026-06-30T23:59:61Z", "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z", "2026-00-00T00:00:00Z", "2026-01-32T25:61:61Z", "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00", "2026-01-01T00:00:00.003", "2026-01-01T00:00:00+14:00", "2026-01-01T00:00:00+99:99",
    "2026-01-01T00:00:00-23:59", "2026-01-01T00:00:00+00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "2026-01-01t00:00:00z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00." + "9" * 500 + "Z", "2026-1-1T0:0:0Z",
    "26-01-01T00:00:00Z", "2026-W01-1", "2026-001", "now", "1763980800", "1e308", "Sun, 06 Nov 1994 08:49:37 GMT",
    "2026-01-01T00:00:00Z ", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\\u0000",
    "\\u0662\\u0660\\u0662\\u0666-01-01T00:00:00Z"]
STRINGS = [
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d"', b'"a\\u0000b"', b'"\\r\\nSet-Cookie: a=b"', b'"\xff\xfe"',
    b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x80\xae"', b'"\xf0\x9f\x92\xa9"', b'"CONNECTED "',
    b'"connected"', b'" "', b'"../../login"', b'"loc_a/../../login"', b'"loc_a?b#c"', b'"loc_%2e%2e"',
    b'"loc_\xc3\xa9"', b'"cot_"', b'"cot_a b"', b'"cot_a\\r\\nb"', b'"http://169.254.169.254/latest"',
    b'"javascript:alert(1)"', b'"<script>"', b'"${jndi:ldap://127.0.0.1/a}"', b'"%s%n%n"', b'"\\u001b[2J"',
    b'"loc_%s"' % (b"a" * 128),
    b'"loc_%s"' % (b"a" * 10_000),
    b'"cot_%s"' % (b"b" * 125),
    b'"cot_%s"' % (b"b" * 10_000),
    b'"evt_%s"' % (b"c" * 10_000),
    b'"%s"' % (b"z" * 100_000), b'"no_tariff_connected"', b'"pending_connect"', b'"no_price_data"',
    b'"account_disabled"', b'"api_version_not_supported"', b'"session_redirect"', b'"complete_tariff"',
    b'"session_complete"', b'"tariff_connection_pending"', b'"ERROR"', b'"NOT_CONNECTED"', b'"tariff.expired"',
    b'"tariff.fetch.failed"', b'"location.update"', b'"connect_session.complete"', b'"connect.session.complete"',
    b'"locaiton.update"',
    b'"x.%s"' % (b"y" * 70)]

# Fields that decide something are mutated more often than the rest.
DECISIVE = {
    "bearer_token", "expires_in", "live_mode", "connect_token", "location_id", "price_available", "tariff_status",
    "commodity_import", "status", "tariff", "next_update", "data", "has_more", "id", "type", "time_created", "code",
    "keys", "kid", "n", "e", "kty", "object", "route", "redirect_url", "tariff_id", "account_id", "value", "valid_from"
}
TIMES = {
    "time_created", "time_expiry", "next_update", "last_updated", "valid_from", "valid_to", "start_time", "end_time"
}

DOCUMENTS = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "string": b'"text"',
    "array": b"[]",
    "object": b"{}",
    "array of objects": b"[{}]",
    "HTML": b"<!doctype html><html><title>Sign in</title></html>",
    "two documents": b"{}{}",
    "NUL": b"\0" * 100,
    "UTF-16": '{"id":"x"}'.encode("utf-16"),
    "long string": _LONG_STRING,
    "long array": _LONG_ARRAY,
    "many objects": b'{"data":' + _OBJECTS + b"}",
    "many keys": _MANY_KEYS,
    "200 arrays": b"[" * 200 + b"]" * 200,
    "20k arrays": b"[" * 20_000 + b"]" * 20_000,
    "20k open arrays": b"[" * 20_000,
    "20k objects": b'{"a":' * 20_000 + b"0" + b"}" * 20_000,
    "200 objects": b'{"a":' * 200 + b"0" + b"}" * 200,
    "blanks": b" " * (1 << 20) + b"{}",
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 50}

RETRY_AFTER = [
    b"0", b"1", b"-1", b"+1", b"2147483648", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
    b"18446744073709551616", b"9" * 5000, b"1e308", b"0.5", b"NaN", b"", b" ", b"1, 2", b"soon", b"\xff",
    b"Sun, 06 Nov 1994 08:49:37 GMT", b"Mon, 01 Jan 0001 00:00:00 GMT", b"Fri, 31 Dec 9999 23:59:59 GMT",
    b"Sun, 06 Nov 99999 08:49:37 GMT", b"Sun, 06 Nov 275760 08:49:37 GMT", b"Sun, 06 Nov 292277026597 08:49:37 GMT",
    b"Sun, 06 Nov 9223372036854775807 08:49:37 GMT", b"Sun, 06 Nov -9223372036854775808 08:49:37 GMT",
    b"Sun, -1 Nov 2026 08:49:37 GMT", b"Sun, 99 Feb 2026 99:99:99 GMT",
    b"Sun, 9223372036854775807 Nov 2026 -1:-1:-1 GMT", b"Sun, 06 Nov 0 0:0:0 GMT", b"Sun, 06 Nov -1 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994", b"Sun, 06 Nov 2026 08:49:60 GMT",
    b"0 0 Jan 0 0:0:0 GMT"]

_REASON = {200: b"OK", 204: b"No Content", 304: b"Not Modified", 404: b"Not Found", 500: b"Internal Server Error"}
# An answer must not set any of these at a client of the service (S31).
MARKS = b"X-Upstream-Mark: 1\r\nSet-Cookie: upstream=1\r\nServer: upstream\r\n"

# These leave bytes behind on a connection that goes on.
_STRAY = {
    "length too short", "two lengths", "same length twice", "length and chunked", "interim answers", "a second answer",
    "bytes after the answer"}


class Raw:
    """Bytes that stand in a document as they are."""

    def __init__(self, data):
        self.data = data


class Members(list):
    """The members of an object, as pairs of the raw bytes of a name and a value; names may repeat."""


def loosened(value):
    """A copy of a document in which every member can be changed by itself."""
    if isinstance(value, dict):
        return Members([json.dumps(name).encode(), loosened(inner)] for name, inner in value.items())
    if isinstance(value, list):
        return [loosened(inner) for inner in value]
    return value


def encoded(value):
    if isinstance(value, Raw):
        return value.data
    if isinstance(value, Members):
        return b"{" + b",".join(name + b":" + encoded(inner) for name, inner in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(encoded(inner) for inner in value) + b"]"
    return json.dumps(value, separators=(",", ":")).encode()


def _places(value, found, name=""):
    """Every place of a document: the container, the index in it, and the name that leads there."""
    if isinstance(value, Members):
        for index, (raw, inner) in enumerate(value):
            inner_name = raw.strip(b'"').decode("latin-1")
            found.append((value, index, inner_name))
            _places(inner, found, inner_name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found.append((value, index, name))
            _places(inner, found, name)
    return found


def _odd_value(rng, name):
    """Raw bytes for a value, and what kind they are."""
    if name in TIMES and rng.random() < 0.7:
        date = rng.choice(DATES)
        return b'"%s"' % date.encode(), f"date {date[:40]}"
    kind, values = rng.choice([
        ("number", NUMBERS), ("number", NUMBERS), ("not JSON", NOT_JSON), ("number as string", NUMBER_STRINGS),
        ("other type", OTHER_TYPES), ("other type", OTHER_TYPES), ("string", STRINGS), ("string", STRINGS),
        ("date", [b'"%s"' % date.encode() for date in DATES]), ("document", list(DOCUMENTS.values())[7:])])
    value = rng.choice(values)
    return value, f"{kind} {value[:40]!r}"


def mutated_document(rng, document):
    """The bytes of a document that was changed in one to three places, and what was done."""
    tree = loosened(document)
    done = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = _places(tree, [])
        if not places:
            break
        decisive = [place for place in places if place[2] in DECISIVE]
        container, index, name = rng.choice(decisive if decisive and rng.random() < 0.7 else places)
        value, kind = _odd_value(rng, name)
        if not isinstance(container, Members):
            container[index] = Raw(value)
            done.append(f"{name}[{index}] = {kind}")
            continue
        raw = container[index][0]
        way = rng.random()
        if way < 0.62:
            container[index] = [raw, Raw(value)]
            done.append(f"{name} = {kind}")
        elif way < 0.70:
            del container[index]
            done.append(f"without {name}")
        elif way < 0.80:
            container.insert(index + rng.randrange(2), [raw, Raw(value)])
            done.append(f"{name} twice, once {kind}")
        elif way < 0.88:
            other = json.dumps(rng.choice([str.upper, str.title, str.capitalize])(name)).encode()
            container.insert(index + rng.randrange(2), [other, Raw(value)])
            done.append(f"{name} also as {other.decode()}, {kind}")
        elif way < 0.93:
            escaped = '"\\u{:04x}{}"'.format(ord(name[0] if name else "x"), name[1:])
            container[index] = [escaped.encode(), container[index][1]]
            done.append(f"{name} with an escaped name")
        else:
            odd = rng.choice(
                [
                    b'""',
                    b'"\\ud800"',
                    b'"a\\u0000"',
                    b'"\xff"',
                    b'"%s"' % (b"k" * 70_000),
                    b"1",
                    b"null",
                    b'"__proto__"',
                ]
            )
            container.insert(index, [odd, Raw(value)])
            done.append(f"a member {odd[:20]!r}")
    return encoded(tree), "; ".join(done)


def odd_body(rng, document):
    """The bytes of a body that is wrong in one way, and what was done."""
    way = rng.random()
    if way < 0.62:
        return mutated_document(rng, document)
    if way < 0.82:
        name = rng.choice(list(DOCUMENTS))
        return DOCUMENTS[name], f"document: {name}"
    body = encoded(loosened(document))
    way = rng.randrange(7)
    if way == 0:
        cut = rng.randrange(len(body))
        return body[:cut], f"cut after {cut} bytes"
    if way == 1:
        tail = rng.choice([b"x", b"{}", b"\0", b"]", b",", b"\xff", b"/**/", b" " * 100_000])
        return body + tail, f"trailing {tail[:10]!r}"
    if way == 2:
        return b"\xef\xbb\xbf" + body, "byte order mark"
    if way == 3:
        changed = bytearray(body)
        for _ in range(rng.choice([1, 1, 5])):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed), "random bytes changed"
    if way == 4:
        return body.decode().encode("utf-16-le"), "UTF-16 without a mark"
    depth = rng.choice([200, 20_000])
    if way == 5:
        return body[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}", f"{depth} arrays within"
    return b'{"data":' * depth + body + b"}" * depth, f"{depth} objects around"


class Answer:
    """What is written to a connection: steps of ("write", bytes), ("sleep", seconds), ("close",) and ("reset",)."""

    def __init__(self, steps, label="", goes_on=True, tags=()):
        self.steps = steps
        self.label = label
        # Whether the connection can carry another answer.
        self.goes_on = goes_on
        self.tags = set(tags)

    def preview(self):
        data = b"".join(step[1] for step in self.steps if step[0] == "write")
        return f"{data[:600]!r}{' ...' if len(data) > 600 else ''} ({len(data)} bytes)"


def plain(document, status=200, extra=b""):
    """A correct answer."""
    body = document if isinstance(document, bytes) else json.dumps(document, separators=(",", ":")).encode()
    return Answer([("write", _head(status, len(body), extra) + body)])


def _head(status, length, extra=b"", content_type=b"application/json"):
    return (
        b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nFlatpeak-Version: 2025-09-14.anode\r\n" % (
            status, _REASON.get(status, b"Status"), content_type)
        + MARKS + (b"" if length is None else b"Content-Length: %d\r\n" % length) + extra + b"\r\n")


def _odd_status(rng, document, statuses):
    status = rng.choice(statuses)
    body = rng.choice([
        encoded(loosened(document)), b"", b'{"message":"no"}', b"<html>blocked</html>",
        b'{"object":"error","type":"api_error","code":"fuzz","message":"no"}',
        b'{"object":"error","code":%s,"message":1}' % rng.choice(STRINGS + OTHER_TYPES)])
    extra, label = b"", f"status {status}"
    if rng.random() < 0.5:
        value = rng.choice(RETRY_AFTER)
        extra = b"Retry-After: %s\r\n" % value
        label += f", Retry-After {value[:50]!r}"
    if 300 <= status < 400:
        extra += b"Location: http://127.0.0.1:1/elsewhere\r\n"
    tags = {f"{status // 100}xx", str(status)} | ({"stray"} if body and status in (204, 205, 304) else set())
    # 204 and 304 have no body: what is sent all the same would be read as the next answer on this connection. After a
    # 1xx there is none at all.
    steps = [("write", _head(status, len(body), extra) + body)]
    return Answer(steps + [("close",)] if status < 200 else steps, label, status >= 200, tags)


_LENGTHS = [
    b"-1", b"+5", b"0x10", b"", b"1e3", b"9223372036854775808", b"18446744073709551616", b"9" * 400, b"5, 5", b"\xff"]
_CHUNK_SIZES = [
    b"FFFFFFFFFFFFFFFF\r\n", b"8000000000000000\r\n", b"-1\r\n", b"\r\n", b"0x5\r\n", b"g\r\n", b"5" * 5000 + b"\r\n",
    b" 5\r\n", b"5 \r\n", b"5\n"]
_STATUS_LINES = [
    b"HTTP/2.0 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 ",
    b"HTTP/1.1  200 OK",
    b"HTTP/1.1 99 Low",
    b"HTTP/1.1 1000 High",
    b"HTTP/1.1 -200 OK",
    b"HTTP/1.1 20 OK",
    b"HTTP/9.9 200 OK",
    b"ICY 200 OK",
    b"HTTP/1.1 200 " + b"O" * 70_000,
    b"HTTP/1.1 abc OK",
    b"HTTP/1.1 200 \xff\xfe",
    b"HTTP/1.1\t200\tOK",
    b"",
    b"HTTP/1.1 18446744073709551816 OK",
    b"GET / HTTP/1.1",
]
_FIELDS = [
    b"X-Long: " + b"a" * 100_000, b"\r\n".join(b"X-%d: 1" % number for number in range(5000)), b"X Nul: \0", b"X: a\0b",
    b" X: folded", b"X: a\r\n folded", b"X : blank", b": no name", b"no colon", b"X: a\nY: b", b"X: a\rY: b",
    b"X\xff: \xff", b"Connection: close, keep-alive, upgrade", b"Connection: close",
    b"Upgrade: h2c\r\nConnection: Upgrade", b"Trailer: Content-Length",
    b"Keep-Alive: timeout=-1, max=99999999999999999999", b"Date: Mon, 01 Jan 0001 00:00:00 GMT",
    b"Flatpeak-Version: " + b"9" * 5000, b"Content-Type: text/html", b"Content-Type: " + b"a/" * 9000,
    b"Content-Encoding: br", b"Transfer-Encoding: identity", b"Transfer-Encoding: \x0bchunked"]
_CONTENT_TYPES = [
    b"", b"text/html", b"text/plain", b"application/xml", b"application/json; charset=utf-16", b"application/json;;;",
    b"APPLICATION/JSON", b"application/problem+json", b"json", b"\xff", b"application/json" + b"; a=b" * 2000]
_INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n" * 100,
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSet-Cookie: upstream=1\r\n\r\n" * 3,
    b"HTTP/1.1 199 Other\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"]
_OTHER_PROTOCOLS = [
    b"\x16\x03\x01\x02\0",
    b"SSH-2.0-x\r\n",
    b"\0" * 1000,
    b"<html>",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n" * 1000,
]


def _odd_framing(rng, body):
    """An answer whose bytes are wrong around the body.

    An answer that is complete is not followed by the connection's end: whoever reuses the connection in between would
    lose a call by no fault of theirs (RFC 9112 section 9.3.1).
    """
    length = len(body)
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + MARKS
    sized = lambda *lengths: ok + b"".join(b"Content-Length: %s\r\n" % one for one in lengths) + b"\r\n" + body
    exact, half = b"%d" % length, b"%d" % (length // 2)
    good = sized(exact)
    chunked = ok + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (length, body)
    last = b"0\r\n\r\n"
    unasked = plain({"upstream": "unasked", "connect_token": "cot_unasked"}).steps[0][1]
    # The connection goes on after these.
    complete = {
        "length too short": lambda: sized(half),
        "two lengths": lambda: sized(exact, half),
        "same length twice": lambda: sized(exact, exact),
        "length and chunked": lambda: ok + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + last,
        "chunk extension": lambda: chunked + b"%x;a=\"b\"\r\n%s\r\n" % (length, body) + last,
        "trailers": lambda: chunked + chunk + b"0\r\nX-Trailer: 1\r\nContent-Length: 5\r\nAuthorization: x\r\n\r\n",
        "many trailers": lambda: chunked + chunk + b"0\r\n" + b"X-T: 1\r\n" * 5000 + b"\r\n",
        "chunks of one byte": lambda: chunked + b"".join(b"1\r\n%c\r\n" % byte for byte in body[:5000]) + last,
        "chunked twice": lambda: ok + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + chunk + last,
        "gzip": lambda: ok + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % length + body,
        "status line": lambda: rng.choice(_STATUS_LINES) + good[good.index(b"\r\n"):],
        "header": lambda: ok + rng.choice(_FIELDS) + b"\r\nContent-Length: %d\r\n\r\n" % length + body,
        "content type": lambda: _head(200, length, content_type=rng.choice(_CONTENT_TYPES)) + body,
        "interim answers": lambda: rng.choice(_INTERIM) + good,
        # In one write with the answer, so that no other call is under way on the connection yet.
        "a second answer": lambda: good + unasked,
        "bytes after the answer": lambda: good + rng.choice([b"\r\n", b"\0", b"x" * 100, b"HTTP/1.1 "])}
    incomplete = {
        "length too long": lambda: sized(b"%d" % (length + 10)),
        "odd length": lambda: sized(rng.choice(_LENGTHS)),
        "huge length": lambda: sized(b"9223372036854775807"),
        "no length": sized,
        "chunk sizes": lambda: chunked + rng.choice(_CHUNK_SIZES) + body,
        "chunked, cut": lambda: chunked + chunk[:-7],
        "HTTP/1.0": lambda: b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body,
        "closed at once": lambda: b"",
        "cut in the head": lambda: good[:rng.randrange(10, 60)],
        "cut in the body": lambda: good[:-(length // 2 + 1)],
        "not HTTP": lambda: rng.choice(_OTHER_PROTOCOLS)}
    name = rng.choice([*complete, *incomplete, "reset at once", "reset in the body"])
    tags = {"framing", name} | ({"stray"} if name in _STRAY else set())
    if name in complete:
        return Answer([("write", complete[name]())], f"framing: {name}", True, tags)
    if name in incomplete:
        return Answer([("write", incomplete[name]()), ("close",)], f"framing: {name}", False, tags)
    steps = [] if name == "reset at once" else [("write", good[:-(length // 2 + 1)]), ("sleep", 0.05)]
    return Answer(steps + [("reset",)], f"framing: {name}", False, tags)


def _slow(rng, body, longest):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    data = head + body
    seconds = min(longest, rng.choice([1, 3, 30]))
    way = rng.choice(["silent", "drip", "silent in the body"])
    if way == "silent":
        steps = [("sleep", seconds), ("close",)]
    elif way == "silent in the body":
        steps = [("write", data[:len(head) + len(body) // 2]), ("sleep", seconds), ("close",)]
    else:
        steps = []
        for index in range(int(seconds * 4)):
            steps += [("write", data[index:index + 1]), ("sleep", 0.25)]
        steps.append(("close",))
    return Answer(steps, f"{way} for {seconds} s", False, {"slow", way})


def odd_answer(rng, document, *, statuses=None, longest=30, may_be_valid=True, without=(), only=()):
    """A mutated answer.

    `longest` bounds what is slow, in seconds. Kinds that have a word of `without` among their tags or in their label
    do not occur, and only those that have a word of `only`, where that is possible. With `may_be_valid` false no reader
    may accept the answer.
    """
    for _ in range(3000):
        answer = _odd_answer(rng, document, statuses, longest, may_be_valid)
        if not _has(answer, without) and (not only or _has(answer, only)):
            return answer
    return plain(document)


def _has(answer, words):
    return bool(answer.tags & set(words)) or any(word in answer.label for word in words)


def _odd_answer(rng, document, statuses, longest, may_be_valid):
    way = rng.random()
    if not may_be_valid:
        if way < 0.5:
            name = rng.choice([name for name in DOCUMENTS if name not in ("long string",)])
            return _named(plain(DOCUMENTS[name]), f"document: {name}", {"body"})
        if way < 0.8:
            status = rng.choice([400, 404, 409, 422, 500, 502, 503, 504, 599, 302, 304])
            return _odd_status(rng, {}, [status])
        if way < 0.95:
            steps = rng.choice([
                [("close",)], [("reset",)], [("write", b"\0" * 100), ("close",)],
                [("write", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"), ("close",)]])
            return Answer(steps, "torn", False, {"framing"})
        return _slow(rng, b"{}", longest)
    if way < 0.60:
        body, label = odd_body(rng, document)
        status = 200 if rng.random() < 0.9 else rng.choice([201, 202, 206, 299])
        return _named(plain(body, status), label, {"body"})
    if way < 0.76:
        return _odd_status(rng, document, statuses or [
            *[100, 101, 102, 103, 199, 201, 202, 203, 204, 205, 206, 226, 299, 300, 301, 302, 303, 304, 307, 308, 399],
            *([400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 418, 421, 422, 423, 425, 451, 499] * 2),
            *([500, 501, 502, 503, 504, 505, 508, 520, 599] * 2)])
    if way < 0.965:
        body = encoded(loosened(document)) if rng.random() < 0.8 else odd_body(rng, document)[0]
        return _odd_framing(rng, body)
    return _slow(rng, encoded(loosened(document)), longest)


def _named(answer, label, tags):
    answer.label, answer.tags = label, set(tags)
    return answer
