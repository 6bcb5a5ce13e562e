"""`bench-poolwatch`: it measures every row, whatever the times, and ends."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from lab.bench.poolwatch.throughput import USERS
from tests.documentation.blocks import block_with
from tests.documentation.shown import ANYTHING, difference
from tests.process.command import (
    A_MINUTE,
    ROOT,
    Command,
    running,
    wait_until,
)

pytestmark = pytest.mark.slow

SMALLEST = ("--rounds", "2", "--loads", "2")
PAIRS = [
    *("SQLAlchemy async", "SQLAlchemy", "asyncpg", "psycopg_pool"),
    "a request itself",
]
COUNTS = ["10", "100", "1,000", "10,000"]
LOADS = ["service CPU, µs", "against itself", "requests/s", "against itself"]
ROWS = [*PAIRS, *LOADS, *COUNTS, *COUNTS]

Signal = Callable[[Command], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder of the test's own, with what the lab starts from."""
    for name in ("app", "flags.json"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def bench(database_url: str, folder: Path) -> Iterator[Command]:
    """The benchmark at its smallest, as wide as a slow machine's figures."""
    with running(
        "bench-poolwatch",
        *SMALLEST,
        folder=folder,
        DATABASE_URL=database_url,
        COLUMNS="120",
    ) as command:
        yield command


def test_prints_every_row_and_writes_both_sides(
    bench: Command, folder: Path
) -> None:
    assert bench.exit_code(300) == 0, bench.told

    cells = [line.split("│") for line in bench.printed.splitlines()]
    rows = [[cell.strip() for cell in row[1:-1]] for row in cells if row[1:]]
    assert [row[0] for row in rows] == ROWS
    assert {row[-1] for row in rows} <= {"within", "above", "unclear", ""}
    told = block_with("docs/speed.md", "psycopg_pool").source
    for verdict in ("within", "above", "unclear"):
        told = told.replace(verdict, ANYTHING)
    assert not difference([*told.splitlines(), ANYTHING], bench.printed)
    for side in ("without", "with"):
        suite = json.loads(
            (folder / f"report/poolwatch-{side}.json").read_text()
        )
        runs = [
            benchmark["runs"][0]["values"] for benchmark in suite["benchmarks"]
        ]
        assert len(runs) == len(PAIRS) + 2
        assert all(len(values) == 2 for values in runs)


@pytest.mark.parametrize(
    "signal", [Command.sigterm, Command.ctrl_c], ids=["sigterm", "ctrl_c"]
)
def test_a_signal_ends_it_with_all_its_processes(
    bench: Command, signal: Signal
) -> None:
    # The service, with poolwatch and without.
    wait_until(lambda: len(bench.children()) == 1, seconds=60)

    signal(bench)

    bench.exit_code(2 * A_MINUTE)
    wait_until(bench.is_all_gone)


def test_a_service_that_goes_away_is_told_of_in_a_line(
    database_url: str, folder: Path
) -> None:
    endless = ("--rounds", "2", "--loads", "100000")
    with running(
        "bench-poolwatch", *endless, folder=folder, DATABASE_URL=database_url
    ) as bench:
        wait_until(lambda: _is_loaded(bench), seconds=A_MINUTE)

        bench.children()[0].kill()

        assert bench.exit_code(A_MINUTE) == 2
        assert "\nerror: " in bench.told
        assert "Traceback" not in bench.told


def _is_loaded(bench: Command) -> bool:
    """Whether its users have connections to the service that is its child."""
    if not (services := bench.children()):
        return False
    with suppress(psutil.NoSuchProcess):
        return len(services[0].net_connections("tcp4")) > USERS
    return False
