"""How soon a customer sees something on a slow link, and how much of it has to travel."""

import json
import urllib.parse

from checks import SCREENSHOTS
from connect_page import LONDON
from visitor import Visitor

# A link of 400 ms and 1.6 Mbit/s: a phone on a train.
LATENCY = 400
KILOBITS = 1600
# Milliseconds to the first paint, and bytes on the wire up to the first page of Connect.
FIRST_PAINT = 1000
BYTES = 60 * 1024

# Notes when the first page of Connect is on the screen.
WATCH = """
    new MutationObserver(() => {
        const screen = document.querySelector('[data-screen]')?.dataset.screen;
        if (!screen || ['loading', 'starting'].includes(screen) || window.firstPage) return;
        requestAnimationFrame(() => { window.firstPage ??= performance.now(); });
    }).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-screen']});
"""


def received(browser):
    """Bytes on the wire by path, of what was loaded since the last time."""
    paths, sizes = {}, {}
    for entry in browser.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"].startswith("Network.requestWillBeSent"):
            browser.requests.append(message)
        if message["method"] == "Network.requestWillBeSent":
            paths[message["params"]["requestId"]] = urllib.parse.urlsplit(message["params"]["request"]["url"]).path
        if message["method"] == "Network.loadingFinished":
            path = paths.get(message["params"]["requestId"], "?")
            sizes[path] = sizes.get(path, 0) + message["params"]["encodedDataLength"]
    return sizes


def test_first_screen_on_a_slow_link(tab, app, user):
    visitor = Visitor(tab, app, user)
    launch_url = visitor.mints(postal_address=LONDON)["launch_url"]
    tab.before_scripts(WATCH)
    tab.cdp("Network.enable")
    tab.cdp("Network.clearBrowserCache")
    received(tab)
    tab.slow_network(LATENCY, KILOBITS)
    try:
        tab.open(launch_url)
        visitor.at("provider_select")
        first_page = tab.until(lambda: tab.js("return window.firstPage"))
        first_paint = tab.js("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
    finally:
        tab.slow_network(0, 0)
    sizes = received(tab)
    parts = {path: size for path, size in sizes.items() if not path.startswith("/v1/") and "/logos/" not in path}
    report = (
        f"first contentful paint {first_paint:.0f} ms, first page of Connect {first_page:.0f} ms, "
        f"{sum(parts.values())} bytes in {len(parts)} files")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / "first-screen.txt").write_text(
        report + "\n" + "".join(f"{size:7.0f} {path}\n" for path, size in sorted(sizes.items())))
    assert first_paint < FIRST_PAINT, report
    assert 1000 < sum(parts.values()) <= BYTES, report

    # Whoever comes a second time loads the document, and calls the service: the rest is kept for good.
    visitor.opens(postal_address=LONDON).at("provider_select")
    again = {path: size for path, size in received(tab).items() if "/connect/assets/" in path and size > 0}
    assert again == {}, "assets were loaded twice"


def test_what_is_kept_and_for_how_long(hosted):
    """The document never; what has its digest in the address for good; a stale digest this node's file, not kept."""
    status, headers, body = hosted.fetch("/connect")
    assert status == 200 and "no-store" in headers["cache-control"] and headers["content-type"].startswith("text/html")
    digest = body.decode().partition("connect/assets/")[2].partition("/")[0]
    path = f"/connect/assets/{digest}/page.js"
    status, headers, plain = hosted.fetch(path)
    assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert "accept-encoding" in headers["vary"].lower() and "content-encoding" not in headers
    status, headers, packed = hosted.fetch(path, headers={"Accept-Encoding": "gzip, br"})
    assert (status, headers["content-encoding"]) == (200, "gzip") and len(packed) < len(plain)
    status, headers, body = hosted.fetch(path.replace(digest, "0" * len(digest)))
    assert (status, body) == (200, plain) and "no-store" in headers["cache-control"]
    assert hosted.fetch(path.replace("page.js", "nothing.js"))[0] == 404

    status, headers, _ = hosted.fetch("/connect.js", headers={"Origin": "https://anyone.example"})
    assert status == 200 and "max-age=300" in headers["cache-control"]
    assert headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in headers
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert hosted.fetch("/connect.js", headers={"If-None-Match": headers["etag"]})[0] == 304
