"""Checks that each line of docs/hardening.md names its tests, and that these exist."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parent.parent.parent


def wrong(text, read):
    """What is wrong with a list of properties; `read` gives the text of a file of a test, or None."""
    lines, _, table = text.partition("\n## The tests\n")
    defined = re.findall(r"^- \*\*([SRI]\d+)\*\*", lines, re.M)
    proven = dict(re.findall(r"^\| ([SRI]\d+) \| (.+) \|$", table, re.M))
    for name in sorted({name for name in defined if defined.count(name) > 1}):
        yield f"{name} is defined twice"
    for name in defined:
        if name not in proven:
            yield f"{name} names no test"
    for name, tests in proven.items():
        if name not in defined:
            yield f"{name} has tests and is not defined"
        for test in tests.split("<br>"):
            entry = re.fullmatch(r"`([^`]+)`(?:: (.+))?", test)
            source = read(entry[1]) if entry else None
            if source is None:
                yield f"{name}: there is no {test}"
            elif entry[2] and not has_test(source, entry[2]):
                yield f"{name}: {entry[1]} has no test “{entry[2]}”"


def has_test(source, name):
    """A Swift test is named by a text, which may end with the numbers of its lines; one in Python is a function."""
    name = re.escape(name)
    return re.search(rf'["`]{name}(?: \([SRI]\d[^"`]*\))?["`]|def {name}\(', source) is not None


def read(name):
    path = ROOT / (name if name.startswith("scripts/") else f"Tests/{name}")
    return path.read_text() if path.is_file() else None


def self_test():
    """Each rule finds what is planted."""
    files = {"A.swift": '@Test("does it (S1)")', "b.py": "def test_it():"}
    for text, expected in [
        ("- **S1** it\n- **S1** it\n\n## The tests\n\n| S1 | `A.swift`: does it |\n", "twice"),
        ("- **S1** it\n\n## The tests\n", "names no test"),
        ("\n## The tests\n\n| S1 | `A.swift`: does it |\n", "not defined"),
        ("- **S1** it\n\n## The tests\n\n| S1 | `C.swift`: does it |\n", "there is no"),
        ("- **S1** it\n\n## The tests\n\n| S1 | does it |\n", "there is no"),
        ("- **S1** it\n\n## The tests\n\n| S1 | `A.swift`: oes it |\n", "has no test"),
        ("- **S1** it\n\n## The tests\n\n| S1 | `b.py`: test_i |\n", "has no test"),
        ("- **S1** it\n\n## The tests\n\n| S1 | `A.swift`: does it<br>`b.py`: test_it |\n", None),
    ]:
        found = list(wrong(text, files.get))
        if (expected is None and found) or (expected and not any(expected in each for each in found)):
            yield f"the check says {found} of {text!r}"


if __name__ == "__main__":
    problems = [*self_test(), *wrong((ROOT / "docs/hardening.md").read_text(), read)]
    for problem in problems:
        print(f"hardening.md: {problem}", file=sys.stderr)
    if not problems:
        print("hardening.md: each line names its tests, and all of these exist")
    sys.exit(1 if problems else 0)
