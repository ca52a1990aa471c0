"""Checks what is in the packages.  usage: contents.py FOLDER-OF-PACKAGES PROGRAMS"""

import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "deploy/debian"))
from resolved import resolved  # noqa: E402

PACKAGES = ["connect-bff", "flatpeak-sandbox"]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def listing(package):
    """Mode, owner and name of everything in a package, but documents, whose number grows."""
    for line in run("dpkg-deb", "--contents", package).splitlines():
        mode, owner, _, _, _, name = line.split(None, 5)
        if not re.match(r"\./usr/share/doc/[^/]+/(docs|examples)/.", name):
            yield f"{mode} {owner} {name.removeprefix('.')}"


def check(package, name, programs, scratch):
    expected, found = (HERE / f"{name}.files").read_text().splitlines(), list(listing(package))
    assert found == expected, f"{name} has {set(found) - set(expected)}, and lacks {set(expected) - set(found)}"
    version = run(programs / name, "--version").split()[1]
    with tempfile.TemporaryDirectory() as folder:
        run("dpkg-deb", "--raw-extract", package, folder)
        root = pathlib.Path(folder)
        control = (root / "DEBIAN/control").read_text()
        assert f"\nVersion: {version}-1\n" in control, control
        check_libraries(root, name, version, re.search("^Depends: (.*)$", control, re.M)[1], resolved(scratch))
        check_help(root, name, json.loads(run(programs / name, "--experimental-dump-help"))["command"])
        check_scripts(root)


def check_libraries(root, name, version, depends, libraries):
    """What the program is made of is in its dependencies, in the SBOM and in the copyright file."""
    dynamic = run("readelf", "--dynamic", "--sections", "--wide", root / "usr/bin" / name)
    assert "RUNPATH" not in dynamic, dynamic
    assert ".symtab" not in dynamic, "it is not stripped"
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
    document = json.loads((root / f"usr/share/doc/{name}/{name}.spdx.json").read_text())
    listed = {package["name"]: package for package in document["packages"]}
    assert listed[name]["versionInfo"] == version, listed[name]
    of_service = ["libpq.so.5", "libcrypto.so.3", "libsqlite3.so.0"]
    for library, package in zip([*of_service, "libc.so.6"], ["libpq5", "libssl3", "libsqlite3-0", "libc6"]):
        is_needed = library in needed
        assert is_needed == (name == "connect-bff" or library not in of_service), (library, needed)
        assert is_needed == (f"{package} (" in depends), (library, depends)
        assert is_needed == (package in listed), (library, sorted(listed))
    assert len(libraries) > 20, libraries
    copyright = (root / f"usr/share/doc/{name}/copyright").read_text()
    for library in libraries:
        assert listed[library.name]["versionInfo"] == library.version, library
        assert f"  {library.name} {library.version}, " in copyright, library
    identifiers = {package["SPDXID"] for package in document["packages"]}
    assert len(identifiers) == len(document["packages"]), "an identifier stands for two packages"
    related = {one["relatedSpdxElement"] for one in document["relationships"]}
    assert related == identifiers - {listed[name]["SPDXID"]}, related


def words_of(command):
    """The names of commands and options that help shows."""
    for argument in command["arguments"]:
        yield from (f"--{name['name']}" for name in argument.get("names", []) if name["kind"] == "long")
    for one in command.get("subcommands", []):
        if one["shouldDisplay"] and one["commandName"] != "help":
            yield one["commandName"]
            yield from words_of(one)


def check_help(root, name, command):
    """The manual page and the completions have every command and option."""
    manual = root / f"usr/share/man/man1/{name}.1.gz"
    said = subprocess.run(["man", "--warnings", "-l", "-Tutf8", "-Z", manual], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert not [line for line in said.stderr.splitlines() if "root privileges" not in line], said.stderr
    page = gzip.open(manual, "rt").read().replace("\\-", "-")
    completions = root / f"usr/share/bash-completion/completions/{name}"
    run("bash", "-n", completions)
    words = set(words_of(command))
    assert len(words) > 2, words
    for word in words:
        assert word in page, f"{name}(1) does not have {word}"
        assert word in completions.read_text(), f"the completions do not have {word}"
    assert "#compdef" in (root / f"usr/share/zsh/vendor-completions/_{name}").read_text()
    assert f"complete -c '{name}'" in (root / f"usr/share/fish/vendor_completions.d/{name}.fish").read_text()


def check_scripts(root):
    """What root runs, and what systemd reads."""
    for script in ("preinst", "postinst", "prerm", "postrm"):
        if (root / "DEBIAN" / script).exists():
            run("sh", "-n", root / "DEBIAN" / script)
    units = sorted((root / "lib/systemd/system").iterdir())
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    # Only that the program is not installed here may be said.
    text = [line for line in said.stderr.splitlines() if any(unit.name in line for unit in units)]
    assert all("is not executable: No such file" in line for line in text), text


if __name__ == "__main__":
    packages, programs = map(pathlib.Path, sys.argv[1:])
    scratch = pathlib.Path(os.path.abspath(programs))
    while not (scratch / "workspace-state.json").exists():
        assert scratch != scratch.parent, f"SwiftPM built nothing in {programs}"
        scratch = scratch.parent
    for name in PACKAGES:
        (package,) = packages.glob(f"{name}_*.deb")
        check(package, name, programs, scratch)
    print(f"check-package: {' and '.join(PACKAGES)} have what they should have")
