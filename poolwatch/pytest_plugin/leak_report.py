"""The leaks of a test run: in words, in the summary, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from poolwatch.findings import Finding

ATTRIBUTE = "poolwatch_leaks"
"""Where a test's report carries its leaks; xdist sends it along."""


@dataclass(frozen=True, slots=True)
class LeakedLoans:
    """The leaks of a test, or of a fixture that ended with it."""

    who: str
    """The test's name, or `fixture 'name'`."""
    findings: list[Finding]
    allowed: str | None
    """Why it may leak, where it is marked so."""

    def __str__(self) -> str:
        """Name file and line of each, and its callers."""
        sites = Counter(str(finding.site) for finding in self.findings)
        leaked = ", ".join(f"{n} × {site}" for site, n in sites.items())
        lines = [f"{self.who} leaked {leaked}"]
        for finding in self.findings:
            lines.append(f"  {finding}")
            lines += [f"    from {frame}" for frame in finding.stack[1:]]
        return "\n".join(lines)

    def to_json(self, nodeid: str) -> dict[str, Any]:
        """Make it plain values; times are in seconds."""
        return {
            "nodeid": nodeid,
            "who": self.who,
            "allowed": self.allowed,
            "sites": sorted({str(found.site) for found in self.findings}),
            "loans": [asdict(found) for found in self.findings],
        }


class LeakReport:
    """Collects the leaks of all tests and of all processes."""

    def __init__(self, file: Path | None) -> None:
        """Begin with none.

        Args:
            file: where to write them as JSON; None for nowhere.

        """
        self._file = file
        self._leaks: list[dict[str, Any]] = []

    def pytest_sessionstart(self) -> None:
        """Leave no report of an earlier run behind."""
        self._write()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write at once: a run that hangs on an empty pool gets killed."""
        leaks = getattr(report, ATTRIBUTE, None)
        if leaks:
            self._leaks += leaks
            self._write()

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Name the lines that leak, worst first."""
        if not self._leaks:
            return
        terminalreporter.section("leaked connections")
        for line in self._summary():
            terminalreporter.line(line)

    def _summary(self) -> Iterator[str]:
        loans: Counter[str] = Counter()
        tests: dict[str, set[str]] = {}
        for leaks in self._leaks:
            for loan in leaks["loans"]:
                site = str(loan["site"])
                loans[site] += 1
                tests.setdefault(site, set()).add(leaks["nodeid"])
        for site, count in loans.most_common():
            in_tests = len(tests[site])
            noun = "test" if in_tests == 1 else "tests"
            yield f"{count} × {site}, in {in_tests} {noun}"
        allowed = sum(leaks["allowed"] is not None for leaks in self._leaks)
        if allowed:
            yield f"allowed by allow_leaks: {allowed}"
        if self._file:
            yield f"written to {self._file}"

    def _write(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_name(f"{self._file.name}.partial")
        partial.write_text(json.dumps({"tests": self._leaks}, indent=2))
        partial.replace(self._file)
