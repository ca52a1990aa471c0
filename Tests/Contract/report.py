"""Counts what schemathesis reports, and checks that every operation was reached with success.

usage: report.py REPORT COUNTS STATUS
"""

import json
import sys

report = json.load(open(sys.argv[1]))
counts = json.load(open(sys.argv[2]))
status = int(sys.argv[3])
missed = 0
for name in sorted(counts, key=lambda name: name.split(" ", 1)[::-1]):
    answers = {int(code): count for code, count in counts[name].items()}
    # The callback has a return URL in `connect-bff dev`, so that it answers 303 where all else is well.
    succeeded = sum(count for code, count in answers.items() if 200 <= code < 300 or code == 303)
    if name == "POST /v1/webhooks/flatpeak":
        succeeded = answers.get(401)
    missed += not succeeded
    every = ", ".join(f"{code}: {count}" for code, count in sorted(answers.items()))
    print(f"{'ok  ' if succeeded else 'MISS'} {name}  ({every})")
if len(counts) != report["operations"]["total"]:
    print(f"{report['operations']['total'] - len(counts)} operations were never called")
    missed += 1
cases = report["test_cases"]
failed = cases["unique_failures"] + cases["errored"] + len(report["errors"])
print(f"seed {report['seed']}, {report['running_time']:.0f} s")
if missed:
    print("check-contract: not every operation was reached with success")
print(f"schemathesis: {cases['generated'] - cases['with_failures'] - cases['errored']} passed, {failed} failed")
sys.exit(1 if missed or failed or status or not report["complete"] else 0)
