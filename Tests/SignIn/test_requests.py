"""What no browser sends, or no page can see: forged users, odd paths, streams, logs."""

import json
import re
import time
import urllib.parse
import uuid

import pytest
from apache import API, APP
from service import ROOT

HEADER = "X-Auth-Request-User"
JSON = ("Content-Type", "application/json")
MINT = "/v1/connect/sessions"
LOCATIONS = "/v1/locations"


@pytest.fixture(scope="module")
def user():
    return f"alice-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def cookie(apache, user):
    """That of a customer who has signed in."""
    return ("Cookie", apache.sign_in(user))


def origin(apache):
    return ("Origin", f"https://{apache.app}")


def mint(apache, *fields, host=APP):
    return apache.ask("POST", MINT, [origin(apache), JSON, *fields], b"{}", host)


def request_lines(place):
    """How many requests for the API the service has seen."""
    return sum('"route":"/v1/' in line or "route=/v1/" in line for line in place.service.log.splitlines())


# Forged users.

FORGERIES = {
    "once": [(HEADER, "{victim}")],
    "twice": [(HEADER, "{victim}"), (HEADER, "{victim}")],
    "in small letters": [(HEADER.lower(), "{victim}")],
    "in capitals": [(HEADER.upper(), "{victim}")],
    "twice, in two cases": [(HEADER.lower(), "{victim}"), (HEADER.upper(), "{victim}")],
    "empty and full": [(HEADER, ""), (HEADER, "{victim}")],
    "in a list": [(HEADER, "{victim}, {victim}")],
    "as a claim": [("OIDC-CLAIM-sub", "{victim}"), ("Remote-User", "{victim}")],
    "as a claim with underscores, which the module removes": [("OIDC_CLAIM_sub", "{victim}")],
    "as a variable": [("X-Forwarded-User", "{victim}"), ("Sub", "{victim}")],
    "from a trusted address": [
        ("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1"), (HEADER, "{victim}")],
    "named as a trailer": [("Trailer", HEADER), (HEADER, "{victim}")],
    "with a basic login": [("Authorization", "Basic dmljdGltOng="), (HEADER, "{victim}")],
}
# The service refuses each name with an underscore, so that no software can take one for the name with hyphens.
UNDERSCORES = {
    "all": [("X_Auth_Request_User", "{victim}")],
    "one": [("X-Auth-Request_User", "{victim}")],
    "in small letters": [("x_auth_request_user", "{victim}")],
    "beside the real one": [("X_Auth_Request_User", "{victim}"), (HEADER, "{victim}")],
    "a variable": [("REMOTE_USER", "{victim}")],
}


def forged(fields, victim):
    return [(name, value.format(victim=victim)) for name, value in fields]


@pytest.mark.parametrize("fields", FORGERIES.values(), ids=FORGERIES.keys())
def test_forged_user_without_sign_in(place, apache, fields):
    """On the host of the customers it is 401 by Apache, on the open one by the service."""
    fields, before = forged(fields, "victim"), place.service.count("mint")
    for host in (APP, API):
        refusals = (401,) if host == APP else (401, 400)
        assert apache.ask("GET", LOCATIONS, fields, host=host)[0] in refusals, host
        assert mint(apache, *fields, host=host)[0] in refusals, host
    assert place.service.count("mint") == before


@pytest.mark.parametrize("fields", FORGERIES.values(), ids=FORGERIES.keys())
def test_forged_user_beside_a_sign_in(place, apache, user, cookie, fields):
    """The session is that of the customer who is signed in, and not of the other one."""
    victim = f"{user}-victim"
    status, _, body = mint(apache, cookie, *forged(fields, victim))
    assert status == 201, body
    path = f"{MINT}/{json.loads(body)['id']}"
    assert place.read(path, user)
    assert place.read(path, victim) is None


@pytest.mark.parametrize("fields", UNDERSCORES.values(), ids=UNDERSCORES.keys())
def test_names_with_underscores(place, apache, cookie, fields):
    fields, before = forged(fields, "victim"), place.service.count("mint")
    assert mint(apache, cookie, *fields)[0] == 400
    assert mint(apache, *fields)[0] == 401
    assert mint(apache, *fields, host=API)[0] == 400
    assert place.service.count("mint") == before


def test_user_that_a_client_takes_away(apache, cookie):
    """What `Connection` names is not passed on (RFC 9110 section 7.6.1): without a user the service refuses."""
    status, _, body = apache.ask("GET", LOCATIONS, [cookie, ("Connection", f"close, {HEADER}")])
    assert (status, json.loads(body)["code"]) == (401, "unauthenticated")


def test_cookie_that_is_nobodys(apache, cookie):
    name, value = cookie[1].split("=", 1)
    for other in ("", value[:-1], value[::-1], "0" * 36, "../../etc/passwd"):
        assert apache.ask("GET", LOCATIONS, [("Cookie", f"{name}={other}")])[0] == 401, other


# Who gets what without a sign-in.

@pytest.mark.parametrize("fields", [
    [], [("Accept", "text/html")], [("Accept", "*/*")], [("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")],
    [("X-Requested-With", "XMLHttpRequest")],
])
def test_script_without_sign_in(apache, fields):
    """A script gets 401 and is not sent to the provider."""
    for path in (LOCATIONS, MINT, f"{MINT}/cs_1/events", "/v1/nothing"):
        status, answer, _ = apache.ask("GET", path, fields)
        assert (status, answer["Location"], answer["Set-Cookie"]) == (401, None, None), path
    assert mint(apache, *fields)[0] == 401


@pytest.mark.parametrize("path", ["/", "/tariff?session=cs_1&status=connected", "/app.js", "/sign-in/x"])
def test_navigation_without_sign_in(apache, place, path):
    """A page gets the sign-in, and a cookie that no other host can set."""
    status, answer, _ = apache.ask("GET", path, [
        ("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")])
    assert status == 302
    target = urllib.parse.urlsplit(answer["Location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{place.provider_url}/oauth2/authorize"
    query = dict(urllib.parse.parse_qsl(target.query))
    assert query["redirect_uri"] == f"https://{apache.app}/sign-in"
    assert query["code_challenge_method"] == "S256"
    assert {"response_type": "code", "scope": "openid"}.items() <= query.items()
    name, _, attributes = answer["Set-Cookie"].partition("=")
    assert name.startswith("__Host-")
    for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=Lax"):
        assert attribute in attributes, answer["Set-Cookie"]
    assert "Domain" not in attributes


@pytest.mark.parametrize("path", [
    "//v1/locations", "/v1//locations", "/./v1/locations", "/x/../v1/locations", "/signed-out.html/../v1/locations",
    "/sign-in/../v1/locations", "/%76%31/locations", "/v1%2flocations", "/signed-out.html%2f..%2fv1/locations",
    "/V1/locations", "/v1/locations;/signed-out.html", "/v1/locations/signed-out.html",
    "/signed-out.html?/v1/locations", "/signed-out.html/v1/locations", "/v1/connect/callback", "/v1/webhooks/flatpeak",
    "/v1/connect", "/connect", "http://app.example.com/v1/locations", "/v1/locations?x=/signed-out.html",
])
def test_path_in_another_spelling(place, apache, path):
    """Nothing at the customers' host reaches the service without sign-in, and so nothing that is open elsewhere."""
    before = request_lines(place)
    apache.ask("GET", path, [(HEADER, "victim")])
    assert apache.ask("GET", "/livez", host=API)[0] == 404
    assert place.service.fetch("/livez")[0] == 200
    assert request_lines(place) == before, place.service.log[-2000:]


def test_what_is_open(place, apache):
    """The host of the hosted page asks nobody to sign in."""
    status, fields, page = apache.ask("GET", "/connect", host=API)
    assert (status, fields["Location"]) == (200, None)
    script = re.search(r"connect/assets/[^\"]+/page\.js", page)[0]
    assert apache.ask("GET", f"/{script}", host=API)[0] == 200
    for path in ("/connect.js", "/openapi.yaml", "/connect/popup"):
        assert apache.ask("GET", path, host=API)[0] == 200, path
    for path in ("/", "/v1/connect"):
        status, _, body = apache.ask("POST", path, [JSON], b'{"route":"session_start"}', API)
        assert (status, json.loads(body)["code"]) == (400, "connect_token_missing"), path
    status, _, body = apache.ask("POST", "/v1/connect/tickets", [JSON], b"{}", API)
    assert status in (400, 422), body
    assert "<html" in apache.ask("GET", "/v1/connect/callback?fp_cot=cot_x", [("Accept", "text/html")], host=API)[2]
    # Its own refusal: there is no signature.
    status, _, body = apache.ask("POST", "/v1/webhooks/flatpeak", [JSON], b"{}", API)
    assert (status, json.loads(body)["code"]) == (401, "signature_invalid")
    for path in ("/livez", "/readyz", "/metrics", "/status", "/sign-in", "/signed-out.html", "/app.js", "/connectx"):
        assert apache.ask("GET", path, host=API)[0] == 404, path


def test_http_leads_to_https(apache):
    for host, target in ((APP, apache.app), (API, apache.api)):
        status, fields, _ = apache.ask("GET", "/v1/connect/callback?a=b", host=host, plain=True)
        assert (status, fields["Location"]) == (308, f"https://{target}/v1/connect/callback?a=b")


def test_page_after_sign_out_is_open(apache):
    status, _, body = apache.ask("GET", "/signed-out.html", [("Accept", "text/html")])
    assert status == 200 and "You are signed out" in body


@pytest.mark.parametrize("target", [
    "https%3A%2F%2Fstranger.test%2F", "%2F%2Fstranger.test%2F", "%2F%5Cstranger.test%2F",
    "https%3A%2F%2Fapp.example.com.stranger.test%2Fsigned-out.html",
])
def test_sign_out_goes_nowhere_else(apache, cookie, target):
    status, fields, _ = apache.ask("GET", f"/sign-in?logout={target}", [cookie])
    assert "stranger.test" not in (fields["Location"] or ""), (status, fields["Location"])


# Answers.

@pytest.mark.parametrize(("host", "path"), [
    (APP, "/signed-out.html"), (APP, LOCATIONS), (APP, "/"), (API, "/connect"), (API, "/openapi.yaml"), (API, "/none"),
])
def test_security_headers(apache, host, path):
    """Each is there once, whoever answers."""
    _, fields, _ = apache.ask("GET", path, [("Accept", "text/html")], host=host)
    assert fields.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    assert fields.get_all("X-Content-Type-Options") == ["nosniff"]
    assert fields.get_all("Referrer-Policy") == ["no-referrer"]
    assert fields.get_all("Server") in (["Apache"], None)


def test_service_sets_no_cookie(place):
    """The cookies are Apache's alone, whatever is asked of the service (S18)."""
    for path in re.findall(r"^  (/\S*):$", (ROOT / "openapi.yaml").read_text(), re.M):
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            target = re.sub(r"\{\w+\}", "x", path)
            _, fields, _ = place.service.fetch(target, method, {} if method == "POST" else None, {
                "Host": API, HEADER: "alice", "Origin": f"https://{APP}", "Cookie": "a=b"})
            assert "set-cookie" not in fields, f"{method} {path}"


def test_events_come_at_once(place, apache, cookie):
    """A stream is not held back, and neither is a change that comes while it is open."""
    minted = json.loads(mint(apache, cookie)[2])
    stream = apache.open("GET", f"{MINT}/{minted['id']}/events", [cookie])
    try:
        answer = stream.getresponse()
        assert (answer.status, answer.headers.get_content_type()) == (200, "text/event-stream")

        def states():
            while line := answer.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])["state"]
        seen, begun = states(), time.monotonic()
        assert next(seen) == "created"
        token = place.service.newest_token
        place.service.fetch("/v1/connect", "POST", {"connect_token": token, "route": "session_start"}, {"Host": API})
        assert next(seen) == "active"
        # Before the next sign of life, which would push on what is held back.
        assert time.monotonic() - begun < 10
    finally:
        stream.close()


def test_status_of_apache(apache, cookie):
    """It shows everybody's requests with their queries, and is no customer's, though these may read all else here."""
    for path in ("/server-status", "/server-status/", "/server-status?auto", "/server-info"):
        assert apache.ask("GET", path, [cookie])[0] == 404, path
        assert apache.ask("GET", path, host=API)[0] == 404, path


def test_limits(apache, cookie):
    """Bodies are limited, and Flatpeak's deliveries may be longer."""
    assert apache.ask("POST", MINT, [cookie, origin(apache), JSON], b"{" + b" " * 65_536)[0] == 413
    assert apache.ask("POST", "/v1/webhooks/flatpeak", [JSON], b"{" + b" " * 70_000, API)[0] == 401


def test_logs(place, apache, customer):
    """No query, no token, no ticket and no cookie is in a log of Apache's, whatever goes wrong."""
    customer.opens().signs_in().connects()
    cookie = customer.cookie
    apache.ask("GET", "/v1/connect/callback?fp_cot=cot_querysecret&a=%zz", host=API)
    apache.ask("GET", "/connect/cot_pathsecret", [("Referer", "https://x/?cot_referersecret")], host=API)
    apache.ask("GET", "/sign-in?code=codesecret&state=unknown", [("Accept", "text/html")])
    place.service.crash()
    try:
        assert apache.ask("GET", "/v1/connect/callback?fp_cot=cot_querysecret", host=API)[0] == 503
        assert apache.ask("GET", f"{LOCATIONS}?secret=querysecret", [("Cookie", cookie)])[0] == 503
    finally:
        place.service.revive()
    said = apache.log + apache.errors
    assert apache.answers("GET", "/v1/connect/callback")[-1] == "503", "the log has no paths"
    secrets = ["secret", "cot_", "?", "ticket=", *(part.partition("=")[2] for part in cookie.split("; "))]
    lines = [line for line in said.splitlines() if any(each in line for each in secrets)]
    assert not lines, lines[:5]
