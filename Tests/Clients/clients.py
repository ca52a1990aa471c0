"""Runs the journeys with each library; scripts/check-clients starts this.

usage: clients.py [--only NAME] [-k TEXT]
"""

import argparse
import queue
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid

from journeys import JOURNEYS
from runner import HERE, Runner
from world import RETURN_URL, World

NAMES = [name for name in ("ts", "swift", "kotlin") if (HERE / name / "journeys").exists()]


class Journey:
    """One user of one library."""

    def __init__(self, world, folder, made):
        self.world, self.proxy = world, world.proxy
        world.proxy.reset()
        self.user = f"user-{uuid.uuid4().hex[:12]}"
        self.bearer = world.identity.bearer(self.user)
        # What the library's program must leave nowhere.
        self.secrets = [self.bearer]
        self.client = Runner(folder, made, world.proxy.url, RETURN_URL)
        self.client.has_bearer(self.bearer)


def run(name, made, chosen, world):
    """The journeys of one library; gives the failures."""
    began = time.monotonic()
    for journey in chosen:
        each = Journey(world, HERE / name, made)
        is_good = False
        try:
            journey(each)
            is_good = True
        except Exception:
            seen = f"{each.proxy.requests[-20:]}\n{each.client.log[-3000:]}"
            yield f"{name}: {journey.__name__}:\n{traceback.format_exc()}{seen}"
        try:
            each.client.end(each.secrets, is_good)
        except AssertionError as error:
            yield f"{name}: {journey.__name__}: {error}"
        world.control("/faults", method="DELETE")
    print(f"check-clients: {name}: {len(chosen)} journeys in {time.monotonic() - began:.0f} s", flush=True)


def worker(name, chosen, failures):
    try:
        with tempfile.TemporaryDirectory() as made:
            if (HERE / name / "prepare").exists():
                subprocess.run([HERE / name / "prepare", made], check=True)
            world = World()
            try:
                for failure in run(name, made, chosen, world):
                    failures.put(failure)
            finally:
                world.stop()
    except Exception:
        failures.put(f"{name}:\n{traceback.format_exc()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("-k", default="", metavar="TEXT", help="journeys whose name contains it")
    options = parser.parse_args()
    chosen = [journey for journey in JOURNEYS if options.k in journey.__name__]
    failures = queue.Queue()
    # Side by side: most of the time is waiting.
    threads = [
        threading.Thread(target=worker, args=(name, chosen, failures))
        for name in ([options.only] if options.only else NAMES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(failures.queue)
    for failure in found:
        print(f"check-clients: {failure}\n", file=sys.stderr)
    return 1 if found or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
