"""Writes a package's copyright file: the programs' own, and those of all libraries that are linked into them.

usage: copyright.py FOLDER TOOLCHAIN >copyright, where FOLDER has SwiftPM's workspace-state.json and checkouts, and
TOOLCHAIN is the licence of Swift's own libraries
"""

import collections
import pathlib
import sys

from resolved import resolved

APACHE = "Apache License\n                           Version 2.0, January 2004"
# What follows the text of the licence in the files of Swift's libraries.
END = "limitations under the License."


# What a library has taken from others without a file that says so.
VENDORED = {
    "LibYAML, in Yams": """Copyright (c) 2017-2020 Ingy döt Net
Copyright (c) 2006-2016 Kirill Simonov

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.""",
    "zlib, in swift-nio-extras": """Copyright (C) 1995-2026 Jean-loup Gailly and Mark Adler

This software is provided 'as-is', without any express or implied warranty. In no event will the authors be held
liable for any damages arising from the use of this software.

Permission is granted to anyone to use this software for any purpose, including commercial applications, and to alter
it and redistribute it freely, subject to the following restrictions:

1. The origin of this software must not be misrepresented; you must not claim that you wrote the original software. If
   you use this software in a product, an acknowledgment in the product documentation would be appreciated but is not
   required.
2. Altered source versions must be plainly marked as such, and must not be misrepresented as being the original
   software.
3. This notice may not be removed or altered from any source distribution.""",
}


def licence(text):
    """The text of a licence; Debian has that of Apache."""
    text = text.strip()
    if APACHE not in text:
        return text
    rest = text[text.rindex(END) + len(END):].strip() if END in text else ""
    common = "Apache License, version 2.0: on Debian systems its text is in /usr/share/common-licenses/Apache-2.0."
    return f"{common}\n\n{rest}".strip()


def files(folder):
    """Licences and notices of a library, and of what it has taken from others."""
    for path in sorted(folder.rglob("*")):
        name = path.name.upper()
        is_its_own = not {"Tests", ".git", "Examples"} & set(path.relative_to(folder).parts)
        if is_its_own and path.is_file() and name.startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE")):
            yield path


def main():
    folder, toolchain = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    owners = collections.defaultdict(list)
    print("connect-bff and flatpeak-sandbox have no licence yet: all rights are reserved by their authors.\n")
    print("They contain these libraries, each under its own licence, which follow:\n")
    for library in resolved(folder):
        print(f"  {library.name} {library.version}, {library.location}")
        found = list(files(folder / "checkouts" / library.folder))
        if not found:
            sys.exit(f"copyright.py: {library.name} has no licence")
        for path in found:
            part = path.relative_to(folder / "checkouts" / library.folder).parent.name
            owners[licence(path.read_text())].append(f"{library.name}{f' ({part})' if part else ''}")
    print("  Swift's runtime and standard libraries, https://www.swift.org")
    owners[licence(toolchain.read_text())].append("Swift's runtime and standard libraries")
    for name, text in VENDORED.items():
        owners[text].append(name)
    for text, names in owners.items():
        print(f"\n{'-' * 80}\n{', '.join(dict.fromkeys(names))}:\n\n{text}")


main()
