"""What poolwatch costs: CPU time and memory, with it and without it.

    python -m lab.bench.poolwatch_cost with 300 report/poolwatch-with.json

measures one side in a process of its own, and appends to pyperf's file. The
command `bench-poolwatch` starts such processes in turn, so that other work on
the machine slows both sides down alike. CPU time counts, not the clock.
"""

import asyncio
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from unittest.mock import patch

import asyncpg
import pyperf
from psycopg_pool import ConnectionPool
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import QueuePool, create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.types import ASGIApp

import poolwatch
from app.main import create_app
from app.settings import Settings

SIDES = ("without", "with")
FOLDER = Path("report")
ROUTE = "GET /after/orders"
VALUES = 5
LOANS = 1_000
"""Connections whose open loans are measured in bytes."""
TIMEOUT = 300

Work = Callable[[], Awaitable[object]]


async def time_checkouts(side: str, loops: int) -> dict[str, list[float]]:
    """Time a checkout and return, by a borrower, of each kind of pool."""
    settings, ledger = Settings(), poolwatch.Ledger()
    async with AsyncExitStack() as closing:
        engine = create_engine(settings.psycopg_url)
        closing.callback(engine.dispose)
        asyncio_engine = create_async_engine(
            "postgresql+asyncpg://", connect_args={"dsn": settings.dsn}
        )
        closing.push_async_callback(asyncio_engine.dispose)
        asyncpg_pool = await asyncpg.create_pool(
            settings.dsn, min_size=1, max_size=1, reset=_no_reset
        )
        closing.callback(asyncpg_pool.terminate)
        psycopg_pool = closing.enter_context(
            ConnectionPool(settings.dsn, min_size=1, max_size=1, open=True)
        )
        pools: dict[str, tuple[Any, Work]] = {
            "SQLAlchemy asyncio": (
                asyncio_engine,
                partial(_asyncio_checkout, asyncio_engine.connect),
            ),
            "SQLAlchemy": (engine, partial(_checkout, engine.connect)),
            "asyncpg": (
                asyncpg_pool,
                partial(_asyncio_checkout, asyncpg_pool.acquire),
            ),
            "psycopg_pool": (
                psycopg_pool,
                partial(_checkout, psycopg_pool.connection),
            ),
        }
        values = {}
        for name, (pool, checkout) in pools.items():
            if side == "with":
                poolwatch.watch(pool, name, ledger)
            with ledger.borrower("bench"):
                values[name] = await _seconds(checkout, loops)
        return values


async def _no_reset(_: object) -> None:
    """Leave out asyncpg's round trip, which varies by more than the cost."""


async def _checkout(lend: Callable[[], Any]) -> None:
    with lend():
        pass


async def _asyncio_checkout(lend: Callable[[], Any]) -> None:
    async with lend():
        pass


async def time_requests(side: str, loops: int) -> list[float]:
    """Time requests to the service itself, without an HTTP server."""
    with _no_poolwatch() if side == "without" else ExitStack():
        app = create_app(Settings(lab_enabled=False))
        async with app.router.lifespan_context(app) as state:
            return await _seconds(partial(_request, app, state), loops)


async def _request(app: ASGIApp, state: Any) -> None:  # noqa: ANN401
    method, path = ROUTE.split()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        if message.get("status", 200) != 200:  # noqa: PLR2004
            error = f"{ROUTE} has the status {message['status']}"
            raise RuntimeError(error)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    await app(scope | {"query_string": b"", "state": {**state}}, receive, send)


@contextmanager
def _no_poolwatch() -> Iterator[None]:
    """Have the service watch an idle pool in place of each of its own."""
    watch, watched = poolwatch.watch, []

    def watch_another(
        pool: object, name: str, ledger: poolwatch.Ledger
    ) -> poolwatch.Book:
        watched.append(pool)
        return watch(create_engine("sqlite://"), name, ledger)

    def no_middleware(app: ASGIApp, _: poolwatch.Ledger) -> ASGIApp:
        return app

    with patch.multiple(
        poolwatch, watch=watch_another, Middleware=no_middleware
    ):
        yield
    if not watched:
        message = "the service watches its pools in another way"
        raise RuntimeError(message)


async def _seconds(work: Work, loops: int) -> list[float]:
    """Repeat the work; the first value, which fills caches, is left out."""
    values = []
    for _ in range(1 + VALUES):
        began = process_time()
        for _ in range(loops):
            await work()
        values.append((process_time() - began) / loops)
    return values[1:]


def bytes_per_loan() -> float:
    """Measure what poolwatch's own lines allocate for an open loan."""
    engine = create_engine("sqlite://", poolclass=QueuePool, pool_size=LOANS)
    ledger = poolwatch.Ledger()
    poolwatch.watch(engine, "loans", ledger)
    lines = f"{Path(poolwatch.__file__).parent}/*"
    with ExitStack() as loans, ledger.borrower("bench"):
        for each in [engine.connect() for _ in range(LOANS)]:
            each.close()  # every connection of the pool is open now
        tracemalloc.start()
        loans.callback(tracemalloc.stop)
        for _ in range(LOANS):
            loans.enter_context(engine.connect())
        allocated = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(inclusive=True, filename_pattern=lines)]
        )
    engine.dispose()
    return sum(trace.size for trace in allocated.traces) / LOANS


def measure(side: str, loops: int, file: Path) -> None:
    """Measure one side, and append to its file."""
    values = asyncio.run(time_checkouts(side, loops))
    values[ROUTE] = asyncio.run(time_requests(side, loops))
    for name, seconds in values.items():
        run = pyperf.Run(seconds, metadata={"name": name, "unit": "second"})
        pyperf.add_runs(str(file), pyperf.Benchmark([run]))


def run(rounds: int, loops: int, report: Callable[[str], None]) -> None:
    """Measure both sides in turn, print the costs, and keep pyperf's files.

    Raises:
        ChildProcessError: a measurement failed.

    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = {side: FOLDER / f"poolwatch-{side}.json" for side in SIDES}
    for file in files.values():
        file.unlink(missing_ok=True)
    for number in range(rounds):
        for side in SIDES if number % 2 else SIDES[::-1]:
            report(f"round {number + 1} of {rounds}, {side} poolwatch")
            measured = subprocess.run(  # noqa: S603 - our own command line
                [
                    *(sys.executable, "-m", __name__),
                    *(side, str(loops), str(files[side])),
                ],
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT,
            )
            if measured.returncode:
                raise ChildProcessError(measured.stderr[-2000:])
    without, watched = (_medians(file) for file in files.values())
    console = Console(highlight=False)
    console.print(_sentence(without, watched))
    console.print(_table(without, watched))
    console.print(
        f"Medians of {rounds} alternated processes; least and most are of the"
        " pairs. CPU time of the whole process, without the HTTP server and"
        " PostgreSQL. To compare the files:"
    )
    print(f"python -m pyperf compare_to {' '.join(map(str, files.values()))}")


def _medians(file: Path) -> dict[str, list[float]]:
    """Read the median of each process in microseconds, by benchmark."""
    return {
        each.get_name(): [1e6 * median(run.values) for run in each.get_runs()]
        for each in pyperf.BenchmarkSuite.load(str(file))
    }


def _added(without: list[float], watched: list[float]) -> list[float]:
    return sorted(b - a for a, b in zip(without, watched, strict=True))


def _sentence(
    without: dict[str, list[float]], watched: dict[str, list[float]]
) -> str:
    added = {x: median(_added(without[x], watched[x])) for x in without}
    percent = 100 * added.pop(ROUTE) / median(without[ROUTE])
    return (
        f"poolwatch adds {min(added.values()):.1f} to"
        f" {max(added.values()):.1f} µs of CPU time to a checkout and return,"
        f" {percent:.1f} % to {ROUTE}, and {bytes_per_loan():.0f} bytes of"
        " memory for each open loan."
    )


def _table(
    without: dict[str, list[float]], watched: dict[str, list[float]]
) -> Table:
    table = Table("CPU time, µs", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("without", "with", "added", "least", "most"):
        table.add_column(heading, justify="right")
    for name, values in without.items():
        added = _added(values, watched[name])
        cells = (median(values), median(watched[name]), median(added))
        table.add_row(
            name, *(f"{each:.1f}" for each in (*cells, added[0], added[-1]))
        )
    return table


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
