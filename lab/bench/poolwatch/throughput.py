"""`GET /after/orders`, of the service with poolwatch and without.

One service, lab off, is sent the same few requests over and over: with
poolwatch, without it, and without it once more, in turn. How much these last
two differ is what the machine does, not poolwatch. What says most is how long
the service's process has computed for a request, as that is what one worker
can answer in a second. How many it did answer is shown beside it, and depends
on whatever else the machine does.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from lab.bench.poolwatch import switched
from lab.bench.poolwatch.pairs import Pairs
from lab.service import Service, ServiceFailedError, running

PATH = "/after/orders"
ROUTE = f"GET {PATH}"
REQUESTS = 192
"""Requests in one load."""
SETTLING = 64
"""Requests after each turn of the switch, not counted: Python's own caches
follow the classes that were changed."""
USERS = 8
"""Requests under way at once, each on a connection that is kept."""
PATIENCE = aiohttp.ClientTimeout(total=30)
LOANS = "db_client_connection_use_time_seconds_count"
SWITCH = {"without": "off", "with": "on", "again": "off"}
"""Where the switch is; `again` is the same as `without`."""
ORDERS = tuple(itertools.permutations(SWITCH))
"""In which they are loaded: in each order as often as in the others."""
STARTS = 6
"""How often the service is started anew: two processes of one program are
not equally fast, and need not lose the same."""

Load = tuple[float, float]
"""Requests a second, and CPU seconds of the service for each, in one load."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The same of all loads, beside those without poolwatch."""

    speed: Pairs = field(default_factory=Pairs)
    cpu: Pairs = field(default_factory=Pairs)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two ways beside the one without poolwatch."""

    watched: Requests = field(default_factory=Requests)
    again: Requests = field(default_factory=Requests)
    """The very same: what is not 1 here is noise."""


async def measure(rounds: int, tick: Callable[[str], None]) -> Compared:
    """Load the service in turn with poolwatch and without.

    Args:
        rounds: how many, at least two.
        tick: told after each load what was loaded.

    Raises:
        ServiceFailedError: it went away, a request failed, or poolwatch is
            where it should not be.

    """
    found = Compared()
    starts = min(rounds, STARTS)
    for start in range(starts):
        async with _running() as (service, client):
            for each in range(start, rounds, starts):
                # Another one in each round of a start.
                order = ORDERS[(each + each // starts) % len(ORDERS)]
                loaded = {}
                for name in order:
                    await _turn(client, name)
                    loaded[name] = await _load(service, client)
                    tick(f"{ROUTE}, {name}")
                _write_down(found, loaded)
    return found


@asynccontextmanager
async def _running() -> AsyncIterator[tuple[Service, aiohttp.ClientSession]]:
    """Start the service, and a client for it, and try the switch.

    Raises:
        ServiceFailedError: as in `measure`.

    """
    # The same sets and dictionaries in each process.
    environment = {"LAB_ENABLED": "false", "PYTHONHASHSEED": "0"}
    with running(
        [switched.__name__, "serve"], "no token", **environment
    ) as service:
        client = aiohttp.ClientSession(service.url, timeout=PATIENCE)
        try:
            for name in SWITCH:
                before = _loans(service)
                await _turn(client, name)
                _check_loans(name, _loans(service) - before)
            yield service, client
        except* (aiohttp.ClientError, TimeoutError) as failed:
            raise ServiceFailedError(repr(failed.exceptions[0])) from failed
        finally:
            await client.close()


async def _turn(client: aiohttp.ClientSession, name: str) -> None:
    await _get(client, switched.PATH + SWITCH[name])
    await _send(client, SETTLING)


async def _load(service: Service, client: aiohttp.ClientSession) -> Load:
    computed, began = _cpu_seconds(service), time.perf_counter()
    await _send(client, REQUESTS)
    seconds = time.perf_counter() - began
    computed = _cpu_seconds(service) - computed
    return REQUESTS / seconds, computed / REQUESTS


async def _send(client: aiohttp.ClientSession, requests: int) -> None:
    async def user(share: int) -> None:
        for _ in range(share):
            await _get(client, PATH)

    async with asyncio.TaskGroup() as users:
        for number in range(USERS):
            share = len(range(number, requests, USERS))
            users.create_task(user(share))


async def _get(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(path) as response:
        response.raise_for_status()
        await response.read()


def _write_down(found: Compared, loaded: dict[str, Load]) -> None:
    for pairs, name in ((found.watched, "with"), (found.again, "again")):
        for kind, a, b in zip(
            (pairs.speed, pairs.cpu),
            loaded["without"],
            loaded[name],
            strict=True,
        ):
            kind.add("without", a)
            kind.add("with", b)


def _cpu_seconds(service: Service) -> float:
    """CPU time of a process, to the nanosecond where the kernel tells.

    Elsewhere in steps of 10 ms, which is what ten requests take.
    """
    if sys.platform == "linux":
        # The clock of a process, as `clock_getcpuclockid(3)` makes it.
        return time.clock_gettime(~service.pid << 3 | 2)
    times = psutil.Process(service.pid).cpu_times()
    return float(times.user + times.system)


def _loans(service: Service) -> float:
    """Loans that were written down since the service began."""
    with service.client() as client:
        metrics = client.get("/metrics").raise_for_status().text
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == LOANS
    )


def _check_loans(name: str, loans: float) -> None:
    if loans != (SETTLING if name == "with" else 0):
        message = f"{name}: {loans:.0f} loans were written down"
        raise ServiceFailedError(message)
