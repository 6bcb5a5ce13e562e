"""What poolwatch costs: CPU time and memory, with it and without it.

Each process measures both sides in turn, a few milliseconds each, so that
other work on the machine slows both down alike, and appends the values to
pyperf's files. CPU time counts, not the time on the clock.
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
from sqlalchemy import QueuePool, create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.types import ASGIApp

import poolwatch
from app.main import create_app
from app.settings import Settings

FILES = {
    "without": Path("report/poolwatch-without.json"),
    "with": Path("report/poolwatch-with.json"),
}
ROUTE = "GET /after/orders"
VALUES = 50
"""Values of each side in one process; each is the mean of some loops."""
LOANS = 1_000
"""Connections whose open loans are measured in bytes."""
TIMEOUT = 300

Work = Callable[[], Awaitable[object]]
Values = dict[str, list[float]]
"""Seconds of CPU time, by side."""


async def _engine(closing: AsyncExitStack, settings: Settings) -> Any:  # noqa: ANN401
    engine = create_engine(settings.psycopg_url)
    closing.callback(engine.dispose)
    return engine, partial(_checkout, engine.connect)


async def _asyncio_engine(closing: AsyncExitStack, settings: Settings) -> Any:  # noqa: ANN401
    engine = create_async_engine(
        "postgresql+asyncpg://", connect_args={"dsn": settings.dsn}
    )
    closing.push_async_callback(engine.dispose)
    return engine, partial(_asyncio_checkout, engine.connect)


async def _asyncpg(closing: AsyncExitStack, settings: Settings) -> Any:  # noqa: ANN401
    pool = await asyncpg.create_pool(
        settings.dsn, min_size=1, max_size=1, reset=_no_reset
    )
    closing.callback(pool.terminate)
    return pool, partial(_asyncio_checkout, pool.acquire)


async def _psycopg(closing: AsyncExitStack, settings: Settings) -> Any:  # noqa: ANN401
    pool = ConnectionPool(settings.dsn, min_size=1, max_size=1, open=False)
    closing.enter_context(pool)
    return pool, partial(_checkout, pool.connection)


POOLS = {
    "SQLAlchemy asyncio": _asyncio_engine,
    "SQLAlchemy": _engine,
    "asyncpg": _asyncpg,
    "psycopg_pool": _psycopg,
}


async def _no_reset(_: object) -> None:
    """Leave out asyncpg's round trip, which varies by more than the cost."""


async def _checkout(acquire: Callable[[], Any]) -> None:
    with acquire():
        pass


async def _asyncio_checkout(acquire: Callable[[], Any]) -> None:
    async with acquire():
        pass


async def time_checkouts(name: str, loops: int) -> Values:
    """Time a borrower's checkout and return, for one kind of pool."""
    ledger, work = poolwatch.Ledger(), {}
    async with AsyncExitStack() as closing:
        for side in FILES:
            pool, work[side] = await POOLS[name](closing, Settings())
        poolwatch.watch(pool, name, ledger)
        with ledger.borrower("bench"):
            return await _time(work, loops)


async def time_requests(loops: int) -> Values:
    """Time requests to the service itself, without an HTTP server."""
    async with AsyncExitStack() as closing:
        work: dict[str, Work] = {}
        for side in FILES:
            with _no_poolwatch() if side == "without" else ExitStack():
                app = create_app(Settings(lab_enabled=False))
                lifespan = app.router.lifespan_context(app)
                state = await closing.enter_async_context(lifespan)
            work[side] = partial(_request, app, state)
        return await _time(work, loops)


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


async def _time(work: dict[str, Work], loops: int) -> Values:
    """Repeat the work of both sides in turn, after a first time."""
    values: Values = {side: [] for side in work}
    for _ in range(1 + VALUES):
        for side, repeat in work.items():
            began = process_time()
            for _ in range(loops):
                await repeat()
            values[side].append((process_time() - began) / loops)
    return {side: each[1:] for side, each in values.items()}


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


def measure(loops: int) -> None:
    """Measure both sides, and append to their files."""
    found = {x: asyncio.run(time_checkouts(x, loops)) for x in POOLS}
    found[ROUTE] = asyncio.run(time_requests(loops))
    for name, values in found.items():
        for side, file in FILES.items():
            metadata = {"name": name, "unit": "second"}
            run = pyperf.Run(values[side], metadata=metadata)
            pyperf.add_runs(str(file), pyperf.Benchmark([run]))


def run(processes: int, loops: int, report: Callable[[str], None]) -> None:
    """Measure in some processes, print the costs, and keep pyperf's files.

    Raises:
        ChildProcessError: a process failed.

    """
    for file in FILES.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
    for number in range(processes):
        report(f"process {number + 1} of {processes}")
        _python("-m", __name__, str(loops))
    print(sentence())
    files = map(str, FILES.values())
    print(_python("-m", "pyperf", "compare_to", *files, "--table"))


def _python(*arguments: str) -> str:
    ended = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    if ended.returncode:
        raise ChildProcessError(ended.stderr[-2000:])
    return ended.stdout


def sentence() -> str:
    """Sum up what poolwatch costs, by the medians of all pairs."""
    without, watched = (
        {each.get_name(): each.get_values() for each in suite}
        for suite in map(pyperf.BenchmarkSuite.load, map(str, FILES.values()))
    )
    added = {
        name: 1e6
        * median(b - a for a, b in zip(values, watched[name], strict=True))
        for name, values in without.items()
    }
    percent = 1e-4 * added.pop(ROUTE) / median(without[ROUTE])
    return (
        f"poolwatch adds {min(added.values()):.1f} to"
        f" {max(added.values()):.1f} µs of CPU time to a checkout and return,"
        f"\n{percent:.1f} % to {ROUTE}, and {bytes_per_loan():.0f} bytes of"
        " memory for each open loan."
    )


if __name__ == "__main__":
    measure(int(sys.argv[1]))
