"""Writes an SBOM (SPDX 2.3, JSON) of a program: the libraries that SwiftPM resolved, with their versions, and the
shared libraries that the program names, with the Debian packages that they come from.

usage: sbom.py PROGRAM NAME VERSION FOLDER, where FOLDER has SwiftPM's workspace-state.json; the time of the document is
SOURCE_DATE_EPOCH
"""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

from resolved import resolved


def read(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needed(program):
    """The shared libraries that a program names."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", read("readelf", "--dynamic", "--wide", program))


def origin(library, places):
    """The Debian package of a shared library, and its version; `None` for one of the toolchain."""
    path = pathlib.Path(places[library]).resolve()
    for place in (path, pathlib.Path("/usr") / str(path).lstrip("/"), pathlib.Path(str(path).removeprefix("/usr"))):
        found = subprocess.run(["dpkg-query", "--search", place], capture_output=True, text=True)
        if found.returncode == 0:
            package = found.stdout.split(":")[0]
            return read("dpkg-query", "--show", "--showformat=${Package} ${Version} ", package).split()[:2]
    return None


def entry(name, version, location, purl, **more):
    return {
        "SPDXID": f"SPDXRef-{re.sub('[^A-Za-z0-9.-]', '-', name)}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": location,
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
        ],
        **more,
    }


def main():
    program, name, version, folder = sys.argv[1:]
    places = dict(re.findall(r"(\S+) => (\S+)", read("ldd", program)))
    main_entry = entry(name, version, "NOASSERTION", f"pkg:deb/{name}@{version}", primaryPackagePurpose="APPLICATION")
    packages, relationships = [main_entry], []

    def add(one, how):
        if one not in packages:
            packages.append(one)
            relationships.append(
                {
                    "spdxElementId": main_entry["SPDXID"],
                    "relationshipType": how,
                    "relatedSpdxElement": one["SPDXID"],
                }
            )

    for library in resolved(folder):
        purl = f"pkg:swift/{library.location.removeprefix('https://')}@{library.version}"
        location = f"git+{library.location}@{library.version}"
        add(entry(library.name, library.version, location, purl), "DEPENDS_ON")
    for library in sorted(needed(program)):
        if library.startswith("ld-linux"):
            continue
        if found := origin(library, places):
            add(entry(*found, "NOASSERTION", f"pkg:deb/debian/{found[0]}@{found[1]}"), "DYNAMIC_LINK")
        else:
            purl = "pkg:generic/swift-toolchain"
            add(entry(library, "NOASSERTION", "https://www.swift.org", purl), "DYNAMIC_LINK")
    created = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    digest = hashlib.sha256(json.dumps([packages, relationships]).encode()).hexdigest()
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{version}-{digest}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: connect-bff sbom.py"]},
        "documentDescribes": [main_entry["SPDXID"]],
        "packages": packages,
        "relationships": relationships,
    }
    print(json.dumps(document, indent=1))


main()
