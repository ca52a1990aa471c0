"""What a customer sees in the reference web app when Flatpeak, the service, or the proxy in front of it fails."""

import pytest
import webapp
from front import Front
from service import end
from test_safety import logos  # noqa: F401

pytestmark = pytest.mark.web_app

# What the web app reads of an answer, and nothing where the browser does not let it.
ASK = """
    const [url, body, done] = arguments;
    fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body})
      .then(async (answer) => done([answer.status, await answer.json()]), () => done('refused'));
"""


@pytest.fixture
def front(service):
    made = Front(service)
    yield made
    made.stop()


def shown(phone):
    phone.screen("error")
    return phone.find("#message").text, phone.find("#request").text


def test_a_bare_message_of_flatpeak(phone, web_app):
    phone.expect(r"status of (500|429|400)")
    minted = phone.service.mint("amira")
    phone.service.fault("body", status=500, body='{"message":"Internal Server Error"}')
    phone.open(f"{webapp.ORIGIN}/?fp_cot={minted['connect_token']}")
    message, request = shown(phone)
    assert message == "Internal Server Error" and request.startswith("req_"), (message, request)
    # The close button is there as well, and goes back to the link, which starts the session again.
    phone.press("Close").screen("postal_address_capture")


def test_no_token(phone, web_app):
    phone.expect(r"status of 400")
    phone.open(f"{webapp.ORIGIN}/")
    message, request = shown(phone)
    assert message == "This page was opened without its link. Start again from the app." and request.startswith("req_")


def test_a_proxy_in_front(phone, web_app, front, logos):  # noqa: F811
    """Down, too much and too often: a page of a listed origin reads why, a page of another origin does not."""
    phone.expect(r"status of (413|429|502)|CORS policy|net::ERR_FAILED|404")
    phone.hosts |= {front.url.removeprefix("http://"), logos}
    web_app.relay = front.url
    minted = phone.service.mint("amira")
    phone.open(f"{webapp.ORIGIN}/?fp_cot={minted['connect_token']}").screen("postal_address_capture")
    ask = phone.driver.execute_async_script

    status, large = ask(ASK, front.url, '{"x":"' + "x" * 70_000 + '"}')
    assert status == 413 and large["code"] == "body_too_large" and large["request_id"] in front.log

    end(phone.service.process)
    phone.open(f"{webapp.ORIGIN}/?again&fp_cot={minted['connect_token']}")
    message, request = shown(phone)
    assert message == "This service cannot be reached right now. Try again in a moment."
    assert request and request in front.log

    for _ in range(300):
        status, often = ask(ASK, front.url, "{}")
        if status == 429:
            break
    assert status == 429 and often["code"] == "rate_limited" and often["request_id"] in front.log

    phone.open(f"http://{logos}/nothing")
    assert ask(ASK, front.url, "{}") == "refused"
