"""Builds an app that depends on this package, and checks what that fetches and builds: the client library alone.

Plans the app for Apple's systems, too, with an empty SDK, since SwiftPM then compares the oldest system of the app with
that of the package (`platforms`).
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

APP = pathlib.Path(__file__).resolve().parent
ROOT = APP.parent.parent.parent
# As the app's manifest has them.
SYSTEMS = {"macosx": "macosx", "ios13.0": "iphoneos"}


def swift(tool, *arguments, scratch):
    done = subprocess.run(
        ["swift", tool, "--package-path", APP, "--scratch-path", scratch, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"swift {tool}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def fetches_nothing(scratch):
    tree = json.loads(swift("package", "show-dependencies", "--format", "json", scratch=scratch))
    assert [(each["identity"], each["dependencies"]) for each in tree["dependencies"]] == [(ROOT.name, [])], tree
    state = json.loads((scratch / "workspace-state.json").read_text())["object"]["dependencies"]
    assert [each["packageRef"]["kind"] for each in state] == ["fileSystem"], state
    for folder in ("checkouts", "repositories"):
        assert not list((scratch / folder).glob("*")), f"{folder} has {list((scratch / folder).glob('*'))}"


def builds_the_library_alone(scratch):
    swift("build", scratch=scratch)
    built = {path.name for path in (scratch / "debug").glob("*.build")}
    assert built == {"App.build", "ConnectClient.build"}, built
    said = subprocess.run([scratch / "debug/App"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert said == "network_error\n", said


def suits_old_systems(folder):
    """No compiler runs: what is asked for is the plan alone."""
    tools = folder / "tools"
    tools.mkdir()
    for tool in pathlib.Path(shutil.which("swiftc")).resolve().parent.iterdir():
        (tools / tool.name).symlink_to(tool)
    (tools / "libtool").write_text("#!/bin/sh\n")
    (tools / "libtool").chmod(0o755)
    for system, sdk in SYSTEMS.items():
        (folder / sdk).mkdir()
        (folder / sdk / "SDKSettings.json").write_text(json.dumps({"CanonicalName": f"{sdk}26.0", "Version": "26.0"}))
        destination = folder / f"{sdk}.json"
        destination.write_text(json.dumps({
            "version": 1, "sdk": str(folder / sdk), "toolchain-bin-dir": str(tools), "target": f"arm64-apple-{system}",
            "extra-cc-flags": [], "extra-swiftc-flags": [], "extra-cpp-flags": []}))
        plan = swift(
            "build", "--destination", destination, "--print-manifest-job-graph", scratch=folder / f"{sdk}-scratch")
        assert "ConnectClient" in plan and "NIO" not in plan, plan[:2000]


def main():
    scratch = ROOT / ".build/client-app"
    fetches_nothing(scratch)
    builds_the_library_alone(scratch)
    with tempfile.TemporaryDirectory() as folder:
        suits_old_systems(pathlib.Path(folder))
    # SwiftPM writes none where there is nothing to pin.
    assert not (APP / "Package.resolved").exists(), "the app has pinned a package"
    print("check-clients: an app that depends on ConnectClient fetches and builds no other package")
    return 0


if __name__ == "__main__":
    sys.exit(main())
