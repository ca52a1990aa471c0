"""Texts as they could be in any language: accented, longer, and told from those that are in no dictionary."""

import itertools
import json
import re

from words import dictionary

ACCENTED = str.maketrans(
    "aAcCeEgGiIlLnNoOrRsStTuUyYzZ",
    "åÅçÇéÉĝĜîÎļĻñÑöÖŕŔšŠţŢûÛýÝžŽ")
MARKS = ("⟦", "⟧")
# How much longer a text becomes; a short one, which is a label or a button, more than a sentence.
LONGER = 0.4


def pseudo(text):
    """The places keep their names. What is added is words where there are words, else a longer word."""
    parts = re.split(r"(\{\w+\})", text)
    accented = "".join(part if part.startswith("{") else part.translate(ACCENTED) for part in parts)
    missing = max(2, round(len(text) * LONGER))
    if " " not in text:
        filler = "é" * missing
        # Before a full stop or dots.
        return MARKS[0] + re.sub(r"(\W*)$", lambda match: filler + match[1], accented, count=1) + MARKS[1]
    words = itertools.cycle(["vïël", "mèhŕ", "ñöçh", "wöŕţé"])
    more = ""
    while len(more) < missing:
        more += " " + next(words)
    return MARKS[0] + accented + more[:missing].rstrip() + MARKS[1]


def texts():
    """The dictionary of a language that nobody speaks."""
    return {key: pseudo(text) for key, text in dictionary("en").items()}


def module():
    """It, in the place of `text-en.js`."""
    return f"export default {json.dumps(texts(), ensure_ascii=False)};\n"
