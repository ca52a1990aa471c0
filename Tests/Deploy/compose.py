"""Writes the environments and the commands that compose.yaml gives, on top of those of the Dockerfile.

usage: compose.py FOLDER, which has compose-sandbox.yaml
"""

import json
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
program, *arguments = json.loads(re.search(r"^HEALTHCHECK .*CMD (\[.+\])$", dockerfile, re.M)[1])
assert program == "/usr/local/bin/connect-bff", program
(work / "service.healthcheck").write_text("\n".join(arguments))
(work / "sandbox.env").write_text("LANG=C")
(work / "sandbox.command").write_text("\n".join(services["sandbox"]["command"]))
