"""`demo`: measured once, shortly, and interrupted twice."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from lab.report.demo_run import DemoRun, load
from tests.process.command import Command, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
"""A run takes half a minute, and longer where the machine is busy."""
SECONDS = 5
RATE = 40
SHORT = (
    *("--seconds", str(SECONDS)),
    *("--rate", str(RATE)),
    *("--pool-timeout", "1"),
)
SOME = 20
"""Leaks, by which many requests have been answered."""
INTERRUPTIONS = {"Ctrl-C": Command.ctrl_c, "SIGTERM": Command.sigterm}


@pytest.fixture(scope="module")
def demo(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Command, Path]]:
    """A whole run, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    with running(
        *("demo", *SHORT, "--report", str(folder)),
        DATABASE_URL=database_url,
        COLUMNS="80",
    ) as command:
        command.exit_code(240)
        yield command, folder


@pytest.fixture(scope="module")
def whole(demo: tuple[Command, Path]) -> DemoRun:
    command, folder = demo
    assert command.exit_code() in {0, 1}, command.told
    return load(folder / "report.json")


def test_its_exit_code_says_whether_all_expectations_hold(
    demo: tuple[Command, Path],
) -> None:
    """A busy machine may break one."""
    command, _ = demo

    broken = command.printed.count("✗ expected, and not so: ")
    assert ("✓ all 8 expectations hold" in command.printed) == (not broken)
    assert command.exit_code() == (1 if broken else 0), command.told


def test_it_prints_a_conclusion_claimed_and_measured_and_the_reports_path(
    demo: tuple[Command, Path],
) -> None:
    command, folder = demo

    text = " ".join(command.printed.split())
    assert text.startswith("Before leaked ")
    assert re.search(r"connections, peak 95/100 8-12/100", text)
    assert re.search(r"engine pool \d+/30", text)
    assert max(map(len, command.printed.splitlines()[:-1])) <= 80
    assert f"written: {folder}/index.html" in text


def test_both_variants_were_sent_what_was_planned(whole: DemoRun) -> None:
    before, after = whole.variants["before"], whole.variants["after"]

    assert sum(before.endings.values()) == sum(after.endings.values())
    assert sum(after.endings.values()) == SECONDS * RATE
    assert [second.arrivals for second in before.per_second] == [
        RATE
    ] * SECONDS


def test_the_lines_that_leaked_are_named(whole: DemoRun) -> None:
    before, after = whole.variants["before"], whole.variants["after"]

    assert sum(line.leaks for line in before.lines) == before.leaked > 0
    assert all("/before.py:" in line.site for line in before.lines)
    assert (after.leaked, after.lines) == (0, [])


def test_leaks_one_by_one_were_counted_one_by_one(whole: DemoRun) -> None:
    leaked = [step.leaked for step in whole.leak_steps]

    assert leaked == list(range(len(leaked)))


def test_nothing_half_written_is_left(demo: tuple[Command, Path]) -> None:
    _, folder = demo

    names = {path.name for path in folder.iterdir()}
    assert {"index.html", "report.json", "engine-pool.png"} <= names
    assert not any(name.startswith(".") for name in names)


@pytest.fixture(scope="module")
def interrupted(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Command, Path]]]:
    """Two runs, ended while *before* leaks."""
    with ExitStack() as stack:
        runs = {}
        for name in INTERRUPTIONS:
            folder = tmp_path_factory.mktemp(name)
            command = stack.enter_context(
                running(
                    *("demo", *SHORT, "--seconds", "60"),
                    *("--report", str(folder)),
                    DATABASE_URL=database_url,
                )
            )
            runs[name] = (command, folder)
        for name, (command, _) in runs.items():
            wait_until(partial(_leaks, command), 120)
            INTERRUPTIONS[name](command)
        yield runs


def _leaks(command: Command) -> bool:
    """Whether the service of a demo has leaked for a while."""
    assert command.process.poll() is None, command.told
    for child in command.children():
        with suppress(httpx.TransportError, psutil.NoSuchProcess):
            line = child.cmdline()
            if "serve" in line:
                port = line[line.index("--port") + 1]
                shown = httpx.get(f"http://127.0.0.1:{port}/metrics").text
                leaks = re.findall(
                    r"^poolwatch_leaks_total{.*} (\S+)", shown, re.MULTILINE
                )
                return sum(map(float, leaks)) >= SOME
    return False


@pytest.mark.parametrize("name", INTERRUPTIONS)
def test_interrupted_it_leaves_a_report_that_says_so(
    interrupted: dict[str, tuple[Command, Path]], name: str
) -> None:
    command, folder = interrupted[name]

    assert command.exit_code() != 0
    assert command.is_all_gone()
    assert "Traceback" not in command.told, command.told
    assert "a partial report" in command.told
    record = load(folder / "report.json")
    assert record.interrupted == name
    assert list(record.variants) == ["before"]
    assert record.variants["before"].endings["ok"] > 0
    page = (folder / "index.html").read_text()
    assert f"A partial report: {name} ended this run" in page


def test_interrupted_before_the_load_it_keeps_the_report_of_before(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "report.json").write_text("of before")
    with running(
        *("demo", *SHORT, "--report", str(tmp_path)),
        DATABASE_URL=database_url,
    ) as command:
        wait_until(command.children)
        command.ctrl_c()

        assert command.exit_code() != 0
        assert command.is_all_gone()
        assert "nothing written" in command.told

    assert (tmp_path / "report.json").read_text() == "of before"
    assert len(list(tmp_path.iterdir())) == 1
