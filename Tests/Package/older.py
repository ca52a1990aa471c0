"""Makes packages of an "older release" from those of this one: the same programs, which say that they are older.

usage: older.py NEW OLD

The version is replaced in the programs' bytes, so that no second build is needed; all else of them is the new release.
"""

import pathlib
import re
import subprocess
import sys
import tempfile


def before(version):
    """An older version with as many characters."""
    numbers = version.split(".")
    for index in reversed(range(len(numbers))):
        if int(numbers[index]) > 0:
            lower = str(int(numbers[index]) - 1)
            nines = ["9" * len(number) for number in numbers[index + 1:]]
            older = ".".join([*numbers[:index], lower, *nines])
            assert len(older) == len(version), f"{older} is not as long as {version}"
            return older
    raise ValueError(f"nothing is older than {version}")


def remake(package, out):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
        root = pathlib.Path(folder)
        control = root / "DEBIAN/control"
        version = re.search("^Version: (.*)-1$", control.read_text(), re.M)[1]
        older = before(version)
        control.write_text(control.read_text().replace(f"\nVersion: {version}-1\n", f"\nVersion: {older}-1\n"))
        for program in (root / "usr/bin").iterdir():
            program.write_bytes(program.read_bytes().replace(version.encode(), older.encode()))
            said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
            assert said.split()[1] == older, said
        name = package.name.replace(f"_{version}-", f"_{older}-")
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", root, out / name], check=True)


if __name__ == "__main__":
    new, old = map(pathlib.Path, sys.argv[1:])
    for package in new.glob("*.deb"):
        remake(package, old)
