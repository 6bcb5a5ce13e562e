"""One reading of a running service and of its server, once a second or so.

It uses none of the service's pools, so it works while the service hangs or
is down. A value that cannot be read keeps its last reading.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby, pairwise
from math import inf
from typing import Self

import asyncpg
import httpx

from app.database.monitor import STATES, Monitor
from lab.http import open_client
from lab.metrics_text import parse
from lab.private_memory import backends_bytes, service_bytes
from poolwatch.pages.models import Diagnosis, LoansPage, OpenLoan, PoolStatus

PATIENCE = 0.8
"""Seconds that each of those who are asked, all at once, has to answer."""
ASKED_OF_SERVER = """
SELECT pid, state, application_name FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
AND backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class PoolReading:
    """One pool, its workers' together; the capacity is 0 if there is none."""

    name: str
    capacity: int
    lent: int
    idle: int
    waiting: int
    timeouts: int
    leaks: int
    verdict: Diagnosis | None = None
    """Why borrowers wait, as poolwatch says; None if nothing is wrong."""


@dataclass(frozen=True, slots=True)
class LineReading:
    """The open loans of one pool in one state from one line of code."""

    site: str
    state: str
    pool: str
    loans: int
    oldest: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The service and its server as they were read."""

    at: float
    """The time of the reading, as `time.time()` has it."""
    alive: bool = False
    """Whether the service's own port answered `/healthz` in time."""
    pools: tuple[PoolReading, ...] = ()
    lines: tuple[LineReading, ...] = ()
    """Those with the most loans first."""
    loans_at: float = 0.0
    """When pools and lines were last read, as `time.time()` has it."""
    answered: int = 0
    failed: int = 0
    """Requests since the service began; those answered with 5xx failed."""
    timeouts: int = 0
    """Waits for a connection that ended without one, since it began."""
    wait_buckets: Mapping[float, int] = field(default_factory=dict)
    """How many waits took at most so many seconds, since it began."""
    service_bytes: int = 0
    """Private memory of the service's processes."""
    backends_bytes: int | None = None
    """The same of its backends; None where that may not be read."""
    server: Mapping[str, int] = field(
        default_factory=lambda: dict.fromkeys(STATES, 0)
    )
    """Connections of this database by state, of all its clients."""
    loop_lag: float = 0.0
    """Seconds."""
    collections: tuple[int, int, int] = (0, 0, 0)
    """Garbage collections of each generation since it began."""
    last_collection: float | None = None
    """When the last full one was, as `time.time()` has it; None if never."""


def wait_p95(earlier: Reading, later: Reading) -> float | None:
    """Estimate the 95th percentile of the waits between two readings.

    As Prometheus' `histogram_quantile` does, a straight line is drawn inside
    the bucket; beyond the last bound that bound is all that is known. So
    waits of 5.01 s, in the bucket up to 10 s, may look like 9; exact is
    `GET /lab/waits?skip=…`. None where no connection was checked out, or after
    a restart.
    """
    counts = {
        bound: count - earlier.wait_buckets.get(bound, 0)
        for bound, count in later.wait_buckets.items()
    }
    total = max(counts.values(), default=0)
    if total <= 0 or min(counts.values()) < 0:
        return None
    rank = 0.95 * total
    for (low, below), (high, count) in pairwise([(0.0, 0), *counts.items()]):
        if high == inf:
            return low
        if count >= rank:
            return low + (high - low) * (rank - below) / (count - below)
    return None


class Reader:
    """Reads one service; open and close it as a context.

    It keeps one connection to the server, and none of the service's pools.
    """

    def __init__(
        self, poolwatch: str, service: str, token: str, dsn: str
    ) -> None:
        """Remember what to read; nothing is opened yet.

        Args:
            poolwatch: the URL of the thread that responds while the event
                loop is blocked, or the service's own.
            service: the service's URL.
            token: the lab's.
            dsn: the server's URL, for asyncpg.

        """
        self._poolwatch = poolwatch
        self._service = service
        self._monitor = Monitor(dsn, "reader")
        self._http = open_client(token=token, timeout=PATIENCE)
        self._last = Reading(at=0)
        self._processes: tuple[int, ...] = ()

    async def __aenter__(self) -> Self:
        """Return the reader."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._monitor.close()
        await self._http.aclose()

    async def read(self) -> Reading:
        """Send all requests at once, and combine the responses."""
        at = time.time()
        metrics, page, alive, backends = await asyncio.gather(
            self._get(f"{self._poolwatch}/metrics"),
            self._get(f"{self._poolwatch}/poolwatch/loans"),
            self._get(f"{self._service}/healthz"),
            self._ask_server(),
        )
        reading = replace(self._last, at=at, alive=alive is not None)
        if metrics is not None:
            reading = replace(reading, **asdict(parse(metrics.decode())))
        if page is not None:
            loans = LoansPage.model_validate_json(page)
            self._processes = tuple(each.process for each in loans.processes)
            reading = _with_loans(reading, loans)
        if backends is not None:
            reading = replace(reading, server=_by_state(backends))
        self._last = await self._with_memory(reading, backends)
        return self._last

    async def _get(self, url: str) -> bytes | None:
        with suppress(httpx.HTTPError, TimeoutError):
            # httpx itself limits the wait for each part of a response.
            async with asyncio.timeout(PATIENCE):
                response = await self._http.get(url)
            return response.content if response.is_success else None
        return None

    async def _ask_server(self) -> list[asyncpg.Record] | None:
        try:
            return await self._monitor.fetch(ASKED_OF_SERVER)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None

    async def _with_memory(
        self, reading: Reading, backends: list[asyncpg.Record] | None
    ) -> Reading:
        """Read the memory in a thread: the files are slow to make."""
        service = await asyncio.to_thread(service_bytes, self._processes)
        if backends is None:
            return replace(reading, service_bytes=service)
        ours = [
            row["pid"]
            for row in backends
            if any(
                f" {pid} " in row["application_name"]
                for pid in self._processes
            )
        ]
        return replace(
            reading,
            service_bytes=service,
            backends_bytes=await asyncio.to_thread(backends_bytes, ours),
        )


def _with_loans(reading: Reading, page: LoansPage) -> Reading:
    by_name = sorted(page.pools, key=lambda pool: pool.name)
    return replace(
        reading,
        loans_at=reading.at,
        pools=tuple(
            _together(name, list(pools))
            for name, pools in groupby(by_name, lambda pool: pool.name)
        ),
        lines=_by_line(page.loans),
        loop_lag=max((p.lag_seconds for p in page.processes), default=0.0),
    )


def _together(name: str, pools: list[PoolStatus]) -> PoolReading:
    return PoolReading(
        name,
        capacity=sum(pool.capacity or 0 for pool in pools),
        lent=sum(pool.lent for pool in pools),
        idle=sum(pool.idle for pool in pools),
        waiting=sum(pool.waiting for pool in pools),
        timeouts=sum(pool.timeouts for pool in pools),
        leaks=sum(pool.leaks for pool in pools),
        verdict=next((p.verdict for p in pools if p.verdict), None),
    )


def _by_line(loans: Iterable[OpenLoan]) -> tuple[LineReading, ...]:
    ages: dict[tuple[str, str, str], list[float]] = {}
    for loan in loans:
        line = (loan.site or "unknown", loan.state, loan.pool)
        ages.setdefault(line, []).append(loan.age_seconds)
    lines = (
        LineReading(*line, loans=len(of_line), oldest=max(of_line))
        for line, of_line in ages.items()
    )
    return tuple(sorted(lines, key=lambda line: -line.loans))


def _by_state(backends: Iterable[asyncpg.Record]) -> dict[str, int]:
    counted = Counter(row["state"] for row in backends)
    return {state: counted[state] for state in STATES}
