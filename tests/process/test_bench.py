"""`bench` and `bench-poolwatch`: complete results, whatever the times."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pyperf
import pytest

from tests.process.command import (
    A_MINUTE,
    ROOT,
    Command,
    running,
    wait_until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
BENCHMARKS = [
    *("SQLAlchemy asyncio", "SQLAlchemy", "asyncpg", "psycopg_pool"),
    "GET /after/orders",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder of the test's own, with what the lab needs."""
    for name in ("app", "lab", "flags.json"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def bench(database_url: str, folder: Path) -> Iterator[Command]:
    """The benchmark of one route, at its smallest, at 80 columns."""
    with running(
        *("bench", "--route", "POST /orders/{order_id}/process"),
        *("--users", "3", "--seconds", "1", "--rounds", "2"),
        folder=folder,
        DATABASE_URL=database_url,
        COLUMNS="80",
    ) as command:
        yield command


def test_bench_sums_up_the_chosen_route_in_80_columns(
    bench: Command, folder: Path
) -> None:
    assert bench.exit_code(240) == 0, bench.told

    text = " ".join(bench.printed.split())
    assert re.match(
        r"after answers \d\.\d\d times as many requests as raw asyncpg,"
        r" and \d\.\d\d times as many as the write-up's fix\. ",
        text,
    )
    assert "POST /orders/{order_id}/process raw " in text
    assert "3 users without a pause, medians of 2 alternated rounds" in text
    assert max(map(len, bench.printed.splitlines())) <= 80
    found = json.loads((folder / "report/bench.json").read_text())
    (ways,) = found["routes"].values()
    assert set(ways) == {"raw", "fix", "after"}
    assert all(speed["requests_per_second"] > 0 for speed in ways.values())


@pytest.mark.parametrize("signal", [Command.sigterm, Command.ctrl_c])
def test_a_signal_ends_bench_with_all_its_processes(
    bench: Command, signal: Callable[[Command], None]
) -> None:
    wait_until(lambda: len(bench.children()) == 2, seconds=A_MINUTE)

    signal(bench)

    bench.exit_code(2 * A_MINUTE)
    wait_until(bench.is_all_gone)


def test_a_service_that_goes_away_is_an_error_of_one_line(
    database_url: str, folder: Path
) -> None:
    with running(
        *("bench", "--seconds", "600"),
        folder=folder,
        DATABASE_URL=database_url,
    ) as bench:
        wait_until(lambda: "GET /orders, raw" in bench.told, seconds=A_MINUTE)

        for process in bench.children():
            process.kill()

        assert bench.exit_code(A_MINUTE) == 2
        assert "\nerror: " in bench.told
        assert "Traceback" not in bench.told


def test_bench_poolwatch_measures_both_sides(
    database_url: str, folder: Path
) -> None:
    with running(
        *("bench-poolwatch", "--processes", "2", "--loops", "3"),
        folder=folder,
        DATABASE_URL=database_url,
        COLUMNS="80",
    ) as bench:
        assert bench.exit_code(240) == 0, bench.told
        text = " ".join(bench.printed.split())

    assert re.match(
        r"poolwatch adds \S+ to \S+ µs of CPU time to a checkout and return,"
        r" \S+ % to GET /after/orders, and [1-9]\d+ bytes of memory for each",
        text,
    )
    for side in ("without", "with"):
        suite = pyperf.BenchmarkSuite.load(
            str(folder / f"report/poolwatch-{side}.json")
        )
        assert suite.get_benchmark_names() == BENCHMARKS
        assert {each.get_nrun() for each in suite} == {2}
