"""The texts of the hosted page, so that a journey is written once, in English, and walked in every language."""

import base64
import functools
import json
import pathlib
import re
import subprocess

ASSETS = pathlib.Path(__file__).parent.parent.parent / "Sources/ConnectPage/Assets"
LANGUAGES = ("en", "de", "fr", "nl")


@functools.cache
def dictionary(language):
    """Key to text; of a text that counts, the form for many."""
    texts, chooser = (
        "data:text/javascript;base64," + base64.b64encode((ASSETS / name).read_bytes()).decode()
        for name in (f"text-{language}.js", "text.js"))
    script = f"""
        const [texts, chooser] = await Promise.all([import('{texts}'), import('{chooser}')]);
        console.log(JSON.stringify(chooser.withShared(texts.default)));
    """
    read = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    texts = json.loads(read.stdout)
    assert len(texts) > 50, f"the texts of {language} cannot be read"
    return {key: text if isinstance(text, str) else text["other"] for key, text in texts.items()}


def text(key, language="en", **values):
    """The text of a key, with its places filled in."""
    return dictionary(language)[key].format_map(values)


def translations(english, language):
    """What a text, or one with the values that a place holds, is called in a language: all that it can be."""
    if language == "en":
        return (english,)
    found = []
    for key, given in dictionary("en").items():
        # A place stands for any text.
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(given))
        match = re.fullmatch(pattern, english)
        if match:
            found.append((len(match.groupdict()), text(key, language, **match.groupdict())))
    assert found, f"no text reads “{english}”"
    # Those that fit without a place first.
    fewest = min(count for count, _ in found)
    return tuple(dict.fromkeys(each for count, each in found if count == fewest))
