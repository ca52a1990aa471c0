"""The texts of the hosted page, so that a journey is written once, in English, and walked in every language."""

import functools
import pathlib
import re

ASSETS = pathlib.Path(__file__).parent.parent.parent / "Sources/ConnectPage/Assets"
LANGUAGES = ("en", "de", "fr", "nl")
# A text between quotes of one of the three kinds.
QUOTED = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`"""
ENTRY = re.compile(rf"^\s*(?:'([^'\n]+)'|([\w$]+)):\s*(\{{[^\n]*\}}|(?:{QUOTED})(?:\s*\+\s*(?:{QUOTED}))*),?\s*$", re.M)


def plain(literal):
    """A literal of JavaScript as text."""
    parts = re.findall(QUOTED, literal)
    return "".join(re.sub(r"\\(.)", r"\1", part[1:-1]) for part in parts)


@functools.cache
def dictionary(language):
    """Key to text; of a text that counts, the form for many."""
    source = re.sub(r"^\s*//.*$", "", (ASSETS / f"text-{language}.js").read_text(), flags=re.M)
    found = {}
    for quoted, bare, value in ENTRY.findall(source):
        if value.startswith("{"):
            value = re.search(rf"\bother:\s*({QUOTED})", value)[1]
        found[quoted or bare] = plain(value)
    assert len(found) > 50, f"the texts of {language} cannot be read"
    return found


def translations(english, language):
    """What a text, or one with the values that a place holds, is called in a language: all that it can be."""
    if language == "en":
        return (english,)
    found = []
    for key, text in dictionary("en").items():
        # A place stands for any text.
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(text))
        match = re.fullmatch(pattern, english)
        if match and key in dictionary(language):
            found.append((len(match.groupdict()), dictionary(language)[key].format_map(match.groupdict())))
    assert found, f"no text reads “{english}”"
    # Those that fit without a place first.
    return tuple(dict.fromkeys(text for _, text in sorted(found)))
