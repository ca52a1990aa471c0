"""Counts what pytest reports.  usage: report.py JUNIT-XML STATUS"""

import sys
import xml.etree.ElementTree as tree

suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
cases = {}
for case in suite.iter("testcase"):
    # A test that failed, and whose end failed too, is reported twice.
    name = case.get("classname", "") + case.get("name", "")
    cases[name] = cases.get(name, False) or case.find("failure") is not None or case.find("error") is not None
failed = sum(cases.values())
print(f"browser: {len(cases) - failed} passed, {failed} failed, {float(suite.get('time')):.0f} s")
print(f"{len(cases) - failed} passed, {failed} failed")
sys.exit(1 if failed or not cases or sys.argv[2] != "0" else 0)
