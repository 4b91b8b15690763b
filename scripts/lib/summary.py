"""Adds up the results of several pytest runs: a line a suite, then one line in pytest's own form."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def counts(report: Path) -> tuple[dict[str, int], float]:
    """Tests by outcome and the seconds they took, from a JUnit file; an unreadable one counts as an error."""
    try:
        suites = ET.parse(report).getroot().findall("testsuite")  # noqa: S314 (pytest has just written it)
    except (OSError, ET.ParseError):
        return {"passed": 0, "failed": 0, "errors": 1, "skipped": 0}, 0.0
    total = {
        name: sum(int(s.get(name, 0)) for s in suites) for name in ("tests", "failures", "errors", "skipped")
    }
    bad = total["failures"] + total["errors"] + total["skipped"]
    found = {
        "passed": total["tests"] - bad,
        "failed": total["failures"],
        "errors": total["errors"],
        "skipped": total["skipped"],
    }
    return found, sum(float(s.get("time", 0)) for s in suites)


def main(reports: list[str]) -> int:
    """Print the summary; 1 where a test failed or none ran."""
    together = dict.fromkeys(("passed", "failed", "errors", "skipped"), 0)
    seconds = 0.0
    for report in map(Path, reports):
        found, took = counts(report)
        seconds += took
        print(f"{report.stem:<12} {_line(found)} in {took:.1f} s")
        together = {name: together[name] + number for name, number in found.items()}
    print(f"===== {_line(together)} in {seconds:.2f}s =====")
    return 1 if together["failed"] or together["errors"] or not together["passed"] else 0


def _line(found: dict[str, int]) -> str:
    shown = [f"{found['passed']} passed", f"{found['failed']} failed"]
    return ", ".join(shown + [f"{found[name]} {name}" for name in ("errors", "skipped") if found[name]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
