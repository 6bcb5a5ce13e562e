"""What `demo` prints, and whether it says that the run is as it should be."""

from dataclasses import replace

import pytest

from lab.report import summary
from lab.report.demo_run import DemoRun
from tests.report.runs import FIXED, RUN


def shown(
    run: DemoRun,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[bool, str]:
    monkeypatch.setenv("COLUMNS", "80")
    holds = summary.show(run)
    return holds, capsys.readouterr().out


def test_a_run_that_shows_the_leak_holds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holds, printed = shown(RUN, capsys, monkeypatch)

    assert holds
    assert printed.startswith("Before leaked ")
    assert "95/100" in printed  # what the write-up claims
    assert "✓ all 8 expectations hold" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_a_run_that_does_not_names_what_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    leaks = replace(FIXED, leaked=1)
    run = replace(RUN, variants=RUN.variants | {"after": leaks})

    holds, printed = shown(run, capsys, monkeypatch)

    assert not holds
    assert "✗ expected, and not so: after leaks nothing" in printed
    assert "expectations hold" not in printed
