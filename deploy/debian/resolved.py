"""The libraries that SwiftPM resolved."""

import json
import pathlib
import typing


class Library(typing.NamedTuple):
    name: str
    version: str
    location: str
    folder: str


def resolved(folder):
    """All of a scratch folder's workspace-state.json, by name."""
    state = json.loads((pathlib.Path(folder) / "workspace-state.json").read_text())
    libraries = []
    for dependency in state["object"]["dependencies"]:
        reference = dependency["packageRef"]
        location = reference["location"].removesuffix(".git")
        version = dependency["state"]["checkoutState"]["version"]
        libraries.append(Library(location.rpartition("/")[2], version, location, dependency["subpath"]))
    return sorted(libraries)
