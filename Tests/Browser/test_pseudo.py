"""Longer texts on each screen of a phone: nothing is cut off or overlaps, and each text is in the dictionary."""

import re

import pseudo
import pytest
from connect_page import AJACCIO, LONDON
from devtools import Interception
from visitor import Visitor
from words import dictionary

pytestmark = pytest.mark.alone

# What is not ours to translate: what Connect, the brand and `Intl` say, in numbers, names and units.
FOREIGN = re.compile(
    r"^[\d\s.,:%–+-]*$|Daylight Energy|Brackenfield|Loch & Lantern|Lantern|Third Lamp|Mon Courant|My Power|Tempo|"
    r"Clairmoulin|Rivière-Haute|^Cheaper from |Strand|Napoleon|^(req_|fp)\S+$|kWh$|^[A-Z]{1,2}$|^\d+ \w{3} \d{4}$|"
    r"^(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)$")


class Foreigner(Visitor):
    """A visitor whose language is the long one; each screen is checked when it comes."""

    def __init__(self, *arguments):
        Visitor.__init__(self, *arguments)
        self.found = {}

    def say(self, english):
        keys = [key for key, text in dictionary("en").items() if text == english]
        return [pseudo.texts()[key] for key in keys] or self.filled(english)

    def filled(self, english):
        """Where a place is in the text."""
        for key, text in dictionary("en").items():
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(text))
            match = re.fullmatch(pattern, english)
            if match:
                return [pseudo.texts()[key].format_map(match.groupdict())]
        raise AssertionError(f"no text reads “{english}”")

    def text(self, key, **values):
        return pseudo.texts()[key].format_map(values)

    def look(self, name):
        return self

    def at(self, route):
        Visitor.at(self, route)
        return self.checked(route)

    def checked(self, name):
        """Keeps what is wrong, so that one run finds all of it."""
        wrong = self.browser.cut_off() + [
            f"not in the dictionary: “{text}”" for text in self.untranslated() if not FOREIGN.search(text)]
        if wrong:
            self.browser.capture(f"pseudo-{name}")
            self.found.setdefault(name, set()).update(wrong)
        return self

    def untranslated(self):
        return self.browser.js("""
            const marks = /[⟦⟧]/;
            const found = [];
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                const {data, parentElement: parent} = walker.currentNode;
                if (parent.closest('script, style, noscript, svg, option') || !parent.checkVisibility()) continue;
                if (data.trim() && !marks.test(data)) found.push(data.trim());
            }
            for (const each of document.querySelectorAll('[aria-label], [placeholder], [title], [alt]')) {
                for (const name of ['aria-label', 'placeholder', 'title', 'alt']) {
                    const text = each.getAttribute(name)?.trim();
                    if (text && !marks.test(text)) found.push(text);
                }
            }
            return found;
        """)


@pytest.fixture
def foreigner(tab, app, user):
    with Interception(tab, "*/text-en.js", lambda url: pseudo.module()) as interception:
        made = Foreigner(tab, app, user)
        yield made
        assert interception.seen, "the texts were not replaced"
    wrong = [f"{name}: {each}" for name, every in made.found.items() for each in sorted(every)]
    assert not wrong, "\n".join(wrong)


def test_market_pages(foreigner):
    foreigner.opens(options={"tariff_name_capture": True, "contract_term_capture": True}).gives_address(AJACCIO)
    foreigner.types_provider("Mon Courant").picks_structure("MARKET").picks_region()
    # With the texts of fields that are refused, too.
    foreigner.at("surcharge_capture").browser.fill(surcharge_fixed="x", surcharge_percentage="y")
    foreigner.press("Continue").checked("surcharge_refused").types_surcharge()
    foreigner.at("tariff_name_capture").press("Continue").checked("tariff_name_refused").browser.fill(tariff_name="Tempo")
    foreigner.press("Continue").at("contract_term_capture").browser.fill(
        contract_start_date="2026-01-01", contract_end_date="2025-01-01")
    foreigner.press("Continue").checked("contract_term_refused").press("Skip")
    foreigner.at("tariff_summary").press("This is not my tariff").sees("report.thanks").checked("summary_reported")
    for each in foreigner.browser.all("summary"):
        each.click()
    foreigner.checked("summary_tables").press("Disconnect").browser.find("dialog[open]")
    foreigner.checked("dialog").press("Keep it").finishes().returns("connected")


def test_other_pages(foreigner):
    foreigner.opens().at("postal_address_capture").press("Continue").checked("address_refused").gives_address(LONDON)
    foreigner.chooses("Loch & Lantern Power").at("tariff_select").press("My tariff is not listed")
    foreigner.picks_structure("TIME_OF_DAY").at("rate_tod_capture").browser.fill(valid_from="07:00", valid_to="07:00")
    foreigner.press("Continue").checked("rate_tod_refused").press("Back").picks_structure("FIXED")
    foreigner.at("rate_fixed_capture").browser.fill(cost="0.2")
    foreigner.press("Continue").checked("rate_low").types_rate()
    foreigner.edits().chooses("Brackenfield Energy").logs_in_here("pending-maria").at("tariff_connection_pending")
    foreigner.press("Change tariff").chooses("Brackenfield Energy").logs_in_here("fail-maria")
    foreigner.at("tariff_connection_failed").closes().returns("failed")


def test_prices_by_season(foreigner):
    foreigner.opens(postal_address=LONDON, options={"advanced_tariff_capture": True}).types_provider()
    foreigner.picks_structure("ADVANCED").at("rate_advanced_capture")
    for key in ("advanced.add_time", "advanced.add_days", "advanced.add_season", "advanced.add_special"):
        foreigner.browser.press(foreigner.text(key))
        foreigner.checked(key)
    foreigner.press("Continue").checked("rate_advanced_refused").closes().returns("abandoned")


def test_failures(foreigner):
    browser = foreigner.browser
    browser.expect(r"status of (4|5)\d\d")
    foreigner.opens(postal_address=LONDON).at("provider_select")
    foreigner.service.fault("rate_limit", retry_after="2")
    foreigner.press("My provider is not listed")
    browser.until(lambda: browser.all(".alert button:disabled"))
    foreigner.checked("rate_limited")
    browser.open(f"{foreigner.service.url}/connect#ticket={'cs_' + '0' * 24}.{'A' * 22}").screen("failure")
    foreigner.checked("ticket_unknown")
    browser.open(f"{foreigner.service.url}/connect#fp_cot=cot_{'0' * 24}").screen("foreign")
    foreigner.checked("foreign")
