"""Writes the environments and the command that compose.yaml gives, on top of those of the Dockerfile.

usage: compose.py FOLDER, which has compose-sandbox.yaml
"""

import pathlib
import re
import sys

import yaml

work = pathlib.Path(sys.argv[1])
services = yaml.safe_load((work / "compose-sandbox.yaml").read_text())["services"]
dockerfile = pathlib.Path("deploy/docker/Dockerfile").read_text()
given = dict(re.findall(r"^(?:ENV|   ) +(BFF_\w+)=(\S+)", dockerfile, re.M))
given |= {name: value for name, value in services["connect-bff"]["environment"].items() if value is not None}
(work / "service.env").write_text("\n".join(f"{name}={value}" for name, value in given.items()))
(work / "sandbox.env").write_text("LANG=C")
(work / "sandbox.command").write_text("\n".join(services["sandbox"]["command"]))
