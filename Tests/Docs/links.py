"""Checks every link of the documents: files, headings, and the paths of this project that a text names.

usage: links.py

A document that cannot be reached from README.md by links is an error, too. Addresses of others are not asked.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# `scripts/test` and the like; what holds a placeholder is no path.
PATH = re.compile(r"`((?:\.github|Benchmarks|Sources|Tests|clients|deploy|docs|scripts)/[\w./-]+)`")
# Paths that a reader makes.
MADE = {"Sources/ConnectPage/Assets/text-es.js", "deploy/.env"}


def documents():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        check=True, capture_output=True, text=True,
    ).stdout.split()
    return {name: (ROOT / name).read_text() for name in sorted(set(listed)) if (ROOT / name).exists()}


def prose(text):
    """A document without its fenced and indented code, which may show links."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"^(?: {4}|\t).*$", "", text, flags=re.M)


def anchors(text):
    """The fragments of a document's headings, as GitHub makes them."""
    seen = {}
    for line in re.findall(r"^#+ +(.+?) *$", prose(text), re.M):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = seen.get(slug, -1) + 1
        seen[slug] = count
        yield f"{slug}-{count}" if count else slug


def targets(name, text):
    """Each link within the project: as it is written, its path, and its fragment."""
    for link in LINK.findall(prose(text)):
        if re.match(r"(https|mailto):", link):
            continue
        path, _, fragment = link.partition("#")
        folder = pathlib.PurePosixPath(name).parent
        parts = []
        for part in (folder / path).parts if path else pathlib.PurePosixPath(name).parts:
            if part == ".." and parts:
                parts.pop()
            else:
                parts.append(part)
        yield link, "/".join(parts), fragment


def faults(pages, exists):
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in pages and name not in reached:
            reached.add(name)
            waiting += [path for _, path, _ in targets(name, pages[name])]
            # A link to a folder leads to what is in it.
            folders = tuple(f"{path}/" for _, path, _ in targets(name, pages[name]))
            waiting += [page for page in pages if page.startswith(folders)]
    for name, text in pages.items():
        if name.startswith("docs/") and name not in reached:
            yield f"{name}: no link leads to it from README.md"
        for link, path, fragment in targets(name, text):
            if not exists(path):
                yield f"{name}: {link}: there is no {path}"
            elif fragment and path in pages and fragment not in set(anchors(pages[path])):
                yield f"{name}: {link}: there is no such heading"
        # What was is in the changelog.
        for path in PATH.findall(text) if name != "CHANGELOG.md" else []:
            if not exists(path) and path not in MADE:
                yield f"{name}: there is no {path}"


def self_test():
    """Each rule finds what is planted."""
    planted = [
        ({"README.md": "[a](b.md)"}, "there is no b.md"),
        ({"README.md": "![a](docs/b.png)"}, "there is no docs/b.png"),
        ({"README.md": "[a](#b)\n## C\n"}, "no such heading"),
        ({"README.md": "`scripts/nothing`"}, "there is no scripts/nothing"),
        ({"README.md": "", "docs/a.md": ""}, "no link leads to it"),
        ({"README.md": "[a](docs/a.md#b-c)", "docs/a.md": "[b](../b.md)\n# B, c!\n"}, "there is no b.md"),
    ]
    for pages, expected in planted:
        found = list(faults(pages, pages.__contains__))
        assert len(found) == 1, (pages, found)
        assert expected in found[0], found
    good = {"README.md": "[a](docs/a.md#b-c)\n```\n[x](y)\n```\n", "docs/a.md": "# B, c!\n[up](../README.md)"}
    assert not list(faults(good, good.__contains__))


if __name__ == "__main__":
    self_test()
    pages = documents()
    wrong = list(faults(pages, lambda path: (ROOT / path).exists()))
    for fault in wrong:
        print(f"check-docs: {fault}", file=sys.stderr)
    if not wrong:
        count = sum(len(list(targets(name, text))) for name, text in pages.items())
        print(f"check-docs: {count} links of {len(pages)} documents lead somewhere")
    sys.exit(1 if wrong else 0)
