"""`GET /after/orders`, of the service with poolwatch and without.

Three services, lab off, are sent the same few requests in turn, over and
over: with poolwatch, without it, and without it once more. How much these
last two differ is what the machine does, not poolwatch. What says most is how
long a service's process has computed for a request, as that is what one
worker can answer in a second. How many it did answer is shown beside it, and
depends on whatever else the machine does.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from app.lab.bench import compare_answers
from app.lab.bench_poolwatch.pairs import Pairs
from app.lab.service import Service, ServiceFailedError, running

PATH = "/after/orders"
ROUTE = f"GET {PATH}"
REQUESTS = 96
"""Requests in one load."""
USERS = 8
"""Requests under way at once, each on a connection that is kept."""
PATIENCE = aiohttp.ClientTimeout(total=30)
LOANS = "db_client_connection_use_time_seconds_count"
UNWATCHED = "app.lab.bench_poolwatch.unwatched"
MODULES = {"without": UNWATCHED, "with": "app", "again": UNWATCHED}
"""What is run; `again` is the same as `without`."""
ORDERS = tuple(itertools.permutations(MODULES))
"""In which they are loaded: in each order as often as in the others."""
STARTS = 3
"""How often they are started anew, another one first: two processes of one
program are not equally fast."""

Load = tuple[float, float]
"""Requests a second, and CPU seconds of the service for each, in one load."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The same of all loads, beside those without poolwatch."""

    speed: Pairs = field(default_factory=Pairs)
    cpu: Pairs = field(default_factory=Pairs)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two services beside the one without poolwatch."""

    watched: Requests = field(default_factory=Requests)
    again: Requests = field(default_factory=Requests)
    """The very same service: what is not 1 here is noise."""


async def measure(rounds: int, tick: Callable[[str], None]) -> Compared:
    """Load the services in turn.

    Args:
        rounds: how many, at least two.
        tick: told after each load what was loaded.

    Raises:
        ServiceFailedError: one of them went away, a request failed, they
            answer differently, or poolwatch is where it should not be.

    """
    found = Compared()
    starts = min(rounds, STARTS)
    for start in range(starts):
        own_rounds = len(range(start, rounds, starts))
        async with _running(ORDERS[2 * start]) as running_now:
            for each in range(own_rounds):
                loaded = {}
                for name in ORDERS[each % len(ORDERS)]:
                    loaded[name] = await _load(*running_now[name])
                    tick(f"{ROUTE}, {name}")
                _write_down(found, loaded)
    return found


@asynccontextmanager
async def _running(
    order: tuple[str, ...],
) -> AsyncIterator[dict[str, tuple[Service, aiohttp.ClientSession]]]:
    """Start the services one after the other, and a client for each."""
    async with AsyncExitStack() as closing:
        found = {}
        for name in order:
            module = [MODULES[name], "serve"]
            service = closing.enter_context(
                # The same sets and dictionaries in each process.
                running(
                    module,
                    "no token",
                    LAB_ENABLED="false",
                    PYTHONHASHSEED="0",
                )
            )
            client = await closing.enter_async_context(
                aiohttp.ClientSession(service.url, timeout=PATIENCE)
            )
            found[name] = service, client
        compare_answers(ROUTE, [each.url for each, _ in found.values()])
        for _, client in found.values():
            await _send(client)  # opens the pools, and fills the caches
        yield found
        for name, (service, _) in found.items():
            _check_loans(name, service)


async def _load(service: Service, client: aiohttp.ClientSession) -> Load:
    computed, began = _cpu_seconds(service), time.perf_counter()
    await _send(client)
    seconds = time.perf_counter() - began
    computed = _cpu_seconds(service) - computed
    return REQUESTS / seconds, computed / REQUESTS


async def _send(client: aiohttp.ClientSession) -> None:
    async def user(requests: int) -> None:
        for _ in range(requests):
            async with client.get(PATH) as response:
                response.raise_for_status()
                await response.read()

    try:
        async with asyncio.TaskGroup() as users:
            for number in range(USERS):
                share = len(range(number, REQUESTS, USERS))
                users.create_task(user(share))
    except* (aiohttp.ClientError, TimeoutError) as failed:
        raise ServiceFailedError(str(failed.exceptions[0])) from failed


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


def _check_loans(name: str, service: Service) -> None:
    with service.client() as client:
        metrics = client.get("/metrics").raise_for_status().text
    loans = sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == LOANS
    )
    if bool(loans) != (name == "with"):
        message = f"{name}: {loans:.0f} loans were written down"
        raise ServiceFailedError(message)
