"""Holds the relay's readers against Python's json, made strict, over documents written by hand and documents made up.

The program it asks is judge/main.swift. Where the envelope is stricter than JSON, what it must refuse is worked out
here, from the document alone. What an answer says of its page is promised for some documents only; that too is worked
out here.
"""

import collections
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import urllib.parse

HERE = pathlib.Path(__file__).parent
GENERATED = int(os.environ.get("PARSERS_GENERATED", "20000"))
SEED = int(os.environ.get("PARSERS_SEED", "20261124"))
FIELDS = ["connect_token", "route", "action"]
DEEPEST = 32


class Refused(ValueError):
    """No JSON, or JSON that the envelope must not accept."""


class Pairs(list):
    """An object with its members in order, the repeated ones included."""


def parse(document):
    """The value of a document that is RFC 8259 JSON and nothing else."""
    def refuse(constant):
        raise Refused(constant)

    try:
        # Numbers stay text: their size is nothing to a reader that passes them on.
        return json.loads(
            document.decode("utf-8"), parse_constant=refuse, parse_int=str, parse_float=str, object_pairs_hook=Pairs)
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from None


# The tokens of a document that is known to be JSON.
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}:,]', re.S)


def depth(document):
    """How many objects and arrays stand within each other."""
    deepest = level = 0
    for token in TOKEN.findall(document):
        level += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(token, 0)
        deepest = max(deepest, level)
    return deepest


def members_as_written(document):
    """Name and first token of the value of each member of the outermost object; a value that is no string is None."""
    tokens = TOKEN.findall(document)
    level = 0
    for index, token in enumerate(tokens):
        if token in b"{[":
            level += 1
        elif token in b"}]":
            level -= 1
        elif token == b":" and level == 1:
            value = re.match(rb'\s*("(?:[^"\\]|\\.)*")', document[end_of(tokens, index, document):], re.S)
            yield tokens[index - 1][1:-1], value and value[1][1:-1]


def end_of(tokens, index, document):
    """Where the token at `index` ends in the document."""
    for match in TOKEN.finditer(document):
        if index == 0:
            return match.end()
        index -= 1
    raise AssertionError("no such token")


def is_strict(document):
    try:
        parse(document)
    except Refused:
        return False
    return depth(document) <= DEEPEST


def folded(name):
    """The name to a reader that does not mind the case, as Go's does not."""
    return re.sub("[A-Z]", lambda letter: letter[0].lower(), name.replace("\u212a", "k").replace("\u017f", "s"))


def verdict(document):
    """What the envelope must make of it, in the words of judge/main.swift."""
    try:
        value = parse(document)
        if not isinstance(value, Pairs) or depth(document) > DEEPEST:
            raise Refused
        written = list(members_as_written(document))
        counts = collections.Counter(name for name, _ in value)
        if any(b"\\" in name for name, _ in written) or any(counts[field] > 1 for field in FIELDS):
            raise Refused
        if any(name.decode() in FIELDS and text is not None and b"\\" in text for name, text in written):
            raise Refused
        if any(name.decode() not in FIELDS and folded(name.decode()) in FIELDS for name, _ in written):
            raise Refused
    except Refused:
        return "malformed"
    fields = dict(value)
    texts = [fields.get(field) if is_text(written, field) else None for field in FIELDS]
    if texts[0] is None or not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", texts[0], re.A):
        return "missing"
    return " ".join(["ok", *("-" if text is None else "=" + text.encode().hex() for text in texts)])


def is_text(written, field):
    """Numbers were kept as texts, so the source text shows what is a string."""
    return any(name.decode() == field and text is not None for name, text in written)


def page(document):
    """Route and redirect of an answer, as judge/main.swift prints them; None where nothing is promised."""
    try:
        value = parse(document)
    except Refused:
        return None
    # Names that are repeated or spelt with escapes are not promised, and neither are halves of characters.
    if not isinstance(value, Pairs) or depth(document) > DEEPEST or re.search(rb"\\u[dD][89a-fA-F]", document):
        return None
    data = [inner for name, inner in value if name == "data" and isinstance(inner, Pairs)]
    if any(len(names) != len(set(names)) for names in ([name for name, _ in part] for part in [value, *data])):
        return None
    if any(
        token.startswith(b'"') and b"\\" in token for token in re.findall(rb'("(?:[^"\\]|\\.)*")\s*:', document, re.S)
    ):
        return None
    written = list(members_as_written(document))
    route = dict(value).get("route") if is_text(written, "route") else None
    redirect = dict(data[0]).get("redirect_url") if data and route == "session_redirect" else None
    if not isinstance(redirect, str) or re.fullmatch(r"-?[0-9].*", redirect):
        redirect = None
    return route, redirect


# MARK: - Documents


def by_hand():
    """Those of documents.txt, each with the first word of what must come of it."""
    for line in (HERE / "documents.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            expected, _, text = line.partition(" ")
            text = text[10 - len(expected) - 1:]
            yield expected, urllib.parse.unquote_to_bytes(text.replace("@", '"connect_token":"cot_1"'))


class Maker:
    """Makes documents up: envelopes of all kinds, and then some harm."""

    NAMES = FIELDS * 2 + [
        "data",
        "data",
        "redirect_url",
        "redirect_url",
        "type",
        "a",
        "",
        "Route",
        "rout\\u0065",
        "conn\\u0065ct_token",
        "\u00e9",
        "a\\n",
        "x" * 40,
    ]
    TEXTS = [
        "cot_1",
        "cot_" + "0" * 32,
        "session_start",
        "session_redirect",
        "https:\\/\\/a.example",
        "BACK",
        "",
        "a b",
        "\\u0041",
        "\\n",
        "\u00e9",
        "\U0001f600",
        "x" * 129,
    ]
    NUMBERS = ["0", "-0", "1", "-1.5", "1e5", "1E+05", "12345678901234567890", "0.1e-7"]
    PIECES = [
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b" ",
        b"\n",
        b"\t",
        b"\0",
        b"\x0b",
        b"\x1f",
        b"\x7f",
        b"0",
        b"-",
        b"+",
        b".",
        b"e",
        b"true",
        b"null",
        b"NaN",
        b"\\u",
        b"\\u00",
        b"\\ud800",
        b"\\x",
        b"\x80",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
        b"//",
        b"/**/",
        b"'",
        b'"connect_token":"cot_2"',
        b'"route":1',
        b"[" * 33,
        b"]" * 33,
    ]

    def __init__(self, seed):
        self._random = random.Random(seed)

    def _blank(self):
        return self._random.choice(["", "", "", "", " ", "\n", "\t\r\n "])

    def _text(self):
        return f'"{self._random.choice(self.TEXTS)}"'

    def _value(self, level=0):
        kind = self._random.random()
        if kind < 0.45 or level > 4:
            return self._text()
        if kind < 0.6:
            return self._random.choice(self.NUMBERS)
        if kind < 0.7:
            return self._random.choice(["true", "false", "null"])
        if kind < 0.85:
            return self._object(level + 1)
        if kind < 0.87:
            levels = self._random.randrange(24, 34)
            return "[" * levels + self._random.choice(["", "1", '"a"']) + "]" * levels
        items = (self._blank() + self._value(level + 1) + self._blank() for _ in range(self._random.randrange(4)))
        return "[" + ",".join(items) + "]"

    def _object(self, level):
        members = []
        if level == 0 and self._random.random() < 0.7:
            members.append('"connect_token":"cot_1"')
        if level == 0 and self._random.random() < 0.2:
            members += ['"route":"session_redirect"', f'"data":{{"redirect_url":{self._text()},"a":{self._object(1)}}}']
        for _ in range(self._random.randrange(5)):
            name = self._random.choice(self.NAMES)
            members.append(f'{self._blank()}"{name}"{self._blank()}:{self._blank()}{self._value(level)}{self._blank()}')
        self._random.shuffle(members)
        return "{" + ",".join(members) + "}"

    def document(self):
        root = self._object(0) if self._random.random() < 0.95 else self._value()
        made = bytearray((self._blank() + root + self._blank()).encode())
        while self._random.random() < 0.45:
            at = self._random.randrange(len(made) + 1)
            harm = self._random.random()
            if harm < 0.5:
                made[at:at] = self._random.choice(self.PIECES)
            elif harm < 0.8:
                del made[at:at + self._random.randrange(1, 4)]
            else:
                made[at:at + 1] = bytes([self._random.randrange(256)])
        return bytes(made)


# MARK: - The comparison


def judged(documents):
    """What the program says of each: whether it is JSON, its route and redirect, and the envelope's verdict."""
    lines = "".join(document.hex() + "\n" for document in documents)
    output = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, timeout=120, check=True).stdout
    said = [line.split(" ", 3) for line in output.splitlines()]
    if len(said) != len(documents):
        raise SystemExit(f"check-parsers: {len(documents)} documents, {len(said)} verdicts")
    return said


def text_of(printed):
    return None if printed == "-" else bytes.fromhex(printed[1:]).decode()


def main():
    written = list(by_hand())
    maker = Maker(SEED)
    documents = [document for _, document in written] + [maker.document() for _ in range(GENERATED)]
    failed = 0
    outcomes = collections.Counter()
    redirects = 0
    for index, (document, (strict, route, redirect, ours)) in enumerate(zip(documents, judged(documents))):
        theirs = verdict(document)
        outcomes[theirs.partition(" ")[0]] += 1
        problems = []
        if (strict == "json") != is_strict(document):
            problems.append(f"the scanner says {strict}")
        if promised := page(document):
            redirects += promised[1] is not None
            found = text_of(route), text_of(redirect) if promised[0] == "session_redirect" else None
            if found != promised:
                problems.append(f"the page is {found}, and should be {promised}")
        if ours != theirs:
            problems.append(f"the envelope says {ours}, and should say {theirs}")
        if index < len(written) and theirs.partition(" ")[0] != written[index][0]:
            problems.append(f"documents.txt says {written[index][0]}, and Python {theirs}")
        if problems:
            failed += 1
            print(f"FAIL {document!r}: {'; '.join(problems)}")
    print(f"envelope: {len(written)} documents by hand, {GENERATED} made up from seed {SEED}:"
          f" {', '.join(f'{count} {outcome}' for outcome, count in outcomes.most_common())}")
    print(f"pages: {redirects} redirects")
    # A maker that only makes rubbish, or none, would prove nothing.
    kinds = [outcomes["ok"], outcomes["missing"], outcomes["malformed"], redirects * 4]
    if min(kinds) < len(documents) // 20:
        print("FAIL the documents are too much of one kind")
        failed += 1
    print(f"{len(documents) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
