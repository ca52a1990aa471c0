"""A browser as a customer uses it: by labels and the words on buttons. Chromium and Firefox have this in common."""

import re
import time

# What a look at a document says when another one takes its place at that moment.
GONE = (
    r"(?i)detached|no node with given id|does not belong to the document|execution context|navigation|"
    r"browsing context|target frame|no such (frame|window)|web view not found|actor|unable to find window"
)


# The name of a button, link or field as a browser computes it, where it is of a simple kind.
SIMPLE_NAME = """
    const nameOf = (element) => {
        const source = element.labels?.[0] ?? (element.matches('button, summary, a') ? element : undefined);
        const copy = source?.cloneNode(true);
        copy?.querySelectorAll('[aria-hidden=true]').forEach((each) => each.remove());
        return (element.ariaLabel ?? copy?.textContent ?? '').replace(/\\s+/g, ' ').trim();
    };
"""
# The elements whose names are worth to be asked for first.
LIKELY = SIMPLE_NAME + """
    const [css, names] = arguments;
    return [...document.querySelectorAll(css)].filter((each) => names.includes(nameOf(each)));
"""


def plain(text):
    """A text with the blanks that a screen shows: some drivers keep those that do not break, some do not."""
    return re.sub(r"[\u00a0\u202f]", " ", text)


class NotYet(AssertionError):
    """What was waited for did not come."""


class Driving:
    """Needs `driver`, which finds elements, and `name_of`, `js`, `switch_to_frame`, `switch_to_top`."""

    # What the driver raises, and which of it says only that a look came too early.
    error = ()
    transient = ()
    # How long a customer waits for the next screen, in seconds.
    patience = 15

    def is_transient(self, error):
        return isinstance(error, self.transient) or re.search(GONE, str(error)) is not None

    def until(self, what, seconds=None, why=""):
        """The first value of `what()` that is true."""
        end = time.monotonic() + (seconds or self.patience)
        while True:
            try:
                found = what()
            except self.error as error:
                if not self.is_transient(error):
                    raise
                found = None
            if found:
                return found
            if time.monotonic() > end:
                raise NotYet(why or "it did not come")
            time.sleep(0.04)

    # What is on the screen.

    @property
    def shown(self):
        """The name of the screen, once nothing is going on; None before."""
        return self.js("""
            const screen = document.querySelector('[data-screen], [data-route]');
            if (!screen || document.querySelector('[aria-busy=true]')) return null;
            return screen.dataset.screen ?? screen.dataset.route;
        """)

    def screen(self, *names, seconds=None):
        """Waits for a screen of one of these names."""
        try:
            self.until(lambda: self.shown in names, seconds)
        except NotYet as error:
            raise NotYet(f"{' or '.join(names)} did not come; there is {self.seen}:\n{self.words}") from error
        return self

    @property
    def seen(self):
        """`shown`, for messages: where there is no document either."""
        try:
            return self.shown
        except self.error as error:
            return f"nothing ({error})"

    @property
    def words(self):
        try:
            return self.text
        except self.error as error:
            return str(error)

    @property
    def text(self):
        return self.driver.find_element("css selector", "body").text

    def sees(self, text, seconds=None):
        try:
            self.until(lambda: plain(text) in plain(self.text), seconds)
        except NotYet as error:
            raise NotYet(f"“{text}” did not come:\n{self.words}") from error
        return self

    def find(self, css):
        return self.until(
            lambda: self.driver.find_element("css selector", css), why=f"{css} is not there:\n{self.words}")

    def all(self, css):
        return self.driver.find_elements("css selector", css)

    def named(self, css, *names):
        """The elements that are shown, and have one of these accessible names."""
        wanted = [plain(name) for name in names]

        def fitting(elements):
            return [each for each in elements if plain(self.name_of(each)) in wanted and each.is_displayed()]
        # Each name is a question to the browser, and a screen has many.
        return fitting(self.js(LIKELY, css, wanted)) or fitting(self.all(css))

    def button(self, *names):
        """A button that can be pressed, by its accessible name."""
        def found():
            return [each for each in self.named("button, summary, a", *names) if each.is_enabled()]
        quoted = "” or “".join(names)
        return self.until(found, why=f"there is no button “{quoted}” in {self.seen}")[0]

    def has_button(self, name):
        return bool(self.named("button", name))

    def press(self, *names):
        try:
            self.button(*names).click()
        except self.error as error:
            # What is pressed can take away the frame that it is in, even before the driver has its answer.
            if not re.search("frame detached|discarded", str(error)):
                raise
        return self

    def tap(self, css, text):
        """Clicks the element whose title, or whole text, is this."""
        def found():
            for each in self.all(css):
                titles = each.find_elements("css selector", ".title")
                if each.is_displayed() and plain((titles[0] if titles else each).text.strip()) == plain(text):
                    return each
            return None
        self.until(found, why=f"there is no {css} “{text}” in {self.seen}").click()
        return self

    def labelled(self, *labels):
        fields = self.until(
            lambda: self.named("input, select", *labels), why=f"there is no field {labels} in {self.seen}")
        return fields[0]

    def fill(self, **fields):
        """Types into inputs, by name."""
        for name, value in fields.items():
            element = self.find(f"[name={name}]")
            if element.tag_name.lower() == "select" or element.get_attribute("type") in ("time", "date"):
                self.js(
                    """
                    arguments[0].value = arguments[1];
                    for (const kind of ['input', 'change']) {
                        arguments[0].dispatchEvent(new Event(kind, {bubbles: true}));
                    }
                """,
                    element,
                    value,
                )
            else:
                element.clear()
                element.send_keys(value)
        return self

    def renewed(self, do):
        """Does something that puts up a new screen or document, and waits until it is there."""
        heading = self.find("h1")
        do()

        def gone():
            try:
                heading.is_enabled()
            except self.error as error:
                return self.is_transient(error)
            return False
        self.until(gone, why="the screen stayed")
        return self

    # Frames.

    def top(self):
        """Back to the document of the tab."""
        self.switch_to_top()
        return self

    def into_dialog(self):
        """Into the frame of the dialog that connect.js has opened, once the page in it has reported."""
        self.switch_to_top()
        frame = self.until(lambda: self.js("""
            const root = document.querySelector('connect-bff')?.shadowRoot;
            return root?.querySelector('dialog[open]:not(.waiting) iframe');
        """), why=f"no dialog came:\n{self.words}")
        self.switch_to_frame(frame)
        return self

    @property
    def has_dialog(self):
        self.switch_to_top()
        return self.js("return document.querySelector('connect-bff') !== null")

    def without_dialog(self):
        """Waits until the dialog is gone, and is at the top."""
        self.until(lambda: not self.has_dialog, why="the dialog stayed")
        return self

    @property
    def history(self):
        return self.js("return history.length")
