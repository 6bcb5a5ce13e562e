"""How fast the fixed routes are, beside raw asyncpg and the write-up's fix.

Three ways answer each route in turn, so that other work on the machine slows
all of them down: raw asyncpg and the write-up's fix, both in `baselines.py`,
and the service. Medians count. An endpoint that does
nothing shows what the load generator can send.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import TypedDict

import httpx
import psutil
import psycopg
import uvloop
from rich import box
from rich.console import Console
from rich.table import Table

from app.replace_file import replace_file
from app.settings import Settings
from lab import environment
from lab.load.mix import FILLED_ORDERS
from lab.load.tally import percentile
from lab.load.users import Request, RequestFailedError, send_without_pause
from lab.service import Service, ServiceFailedError, running, running_service


class Route(StrEnum):
    """The routes that can be compared."""

    PAGE = "GET /orders"
    ORDER = "GET /orders/{order_id}"
    PROCESS = "POST /orders/{order_id}/process"
    ANALYTICS = "GET /analytics"
    CREATE = "POST /orders"


WARM_UP_SECONDS = 1
NOTHING = "/healthz"
LAST_MONTH = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=30)
QUERIES: dict[str, str] = {
    Route.PAGE: "?limit=50",
    Route.ANALYTICS: f"?since={LAST_MONTH}",
}
CUSTOMER = "bench, removed afterwards"
NEW_ORDER = {
    "customer": CUSTOMER,
    "items": [
        {"product": "teapot", "price": "24.90", "quantity": 1},
        {"product": "cup and saucer", "price": "9.80", "quantity": 4},
    ],
}
FILE = Path("report/bench.json")
RANDOM = Random()  # noqa: S311 - load


class Speed(TypedDict):
    """The medians of some rounds."""

    requests_per_second: float
    cpu_ms: float
    """CPU time of the worker process for each request."""
    p50_ms: float
    p99_ms: float


Speeds = dict[str, dict[str, Speed]]
"""By route, then by way."""


def run(
    routes: Sequence[Route],
    users: int,
    seconds: int,
    rounds: int,
    report: Callable[[str], None],
) -> None:
    """Measure routes, or all of them; print, and write `report/bench.json`.

    Raises:
        ServiceFailedError: a process ended, a request failed, or the ways
            give different responses.

    """
    speeds: Speeds = {}
    with _running_ways() as ways:
        try:
            for route in routes or Route:
                _compare_responses(route, ways)
                speeds[route] = _measure(
                    route, ways, users, seconds, rounds, report
                )
            idle = {"raw": ways["raw"]}
            nothing = _measure(NOTHING, idle, users, seconds, rounds, report)
        except (httpx.HTTPError, RequestFailedError) as error:
            raise ServiceFailedError(str(error)) from error
        finally:
            _remove_orders()
    facts = environment.machine() | environment.versions(Settings().direct_dsn)
    console = Console(highlight=False)
    console.print(sentence(speeds))
    console.print(table(speeds))
    console.print(
        f"{users} users without a pause, medians of {rounds} alternated rounds"
        f" of {seconds} s, one worker for each way. raw: one statement on"
        " asyncpg, its rows made bytes. fix: the write-up's own, `Session` in"
        " `def`. after: the service as in production. CPU is the worker's, for"
        " each request. An endpoint that does"
        f" nothing: {nothing['raw']['requests_per_second']:,.0f} requests a"
        " second. The client and PostgreSQL run on the same machine: "
        + ", ".join(f"{name} {fact}" for name, fact in facts.items())
    )
    FILE.parent.mkdir(parents=True, exist_ok=True)
    load = {"users": users, "seconds": seconds, "rounds": rounds}
    found = {"load": load, "machine": facts, "nothing": nothing["raw"]}
    replace_file(FILE, json.dumps(found | {"routes": speeds}, indent=2))


@contextmanager
def _running_ways() -> Iterator[dict[str, Service]]:
    """Start the baselines and the service; yield who answers each way."""
    app = ["--factory", "--no-access-log", "lab.bench.baselines:create_app"]
    with (
        running(["uvicorn", *app], "no token") as baselines,
        running_service(LAB_ENABLED="false") as service,
    ):
        yield {"raw": baselines, "fix": baselines, "after": service}


def request(way: str, route: str, order_id: int | None = None) -> Request:
    """Make a request for a route, by default with a random order."""
    if route == NOTHING:
        return "GET", NOTHING, None
    method, path = route.split()
    order_id = order_id or RANDOM.choice(FILLED_ORDERS)
    path = f"/{way}{path.format(order_id=order_id)}{QUERIES.get(route, '')}"
    return method, path, NEW_ORDER if route == Route.CREATE else None


def _measure(
    route: str,
    ways: dict[str, Service],
    users: int,
    seconds: int,
    rounds: int,
    report: Callable[[str], None],
) -> dict[str, Speed]:
    found: dict[str, list[Speed]] = {way: [] for way in ways}
    for number in range(rounds):
        for way, service in ways.items():
            report(f"{route}, {way}, round {number + 1} of {rounds}")
            draw = partial(request, way, route)
            send = partial(send_without_pause, service.url, draw, users)
            uvloop.run(send(WARM_UP_SECONDS))
            computed = _cpu_seconds(service)
            latencies = uvloop.run(send(seconds))
            computed = _cpu_seconds(service) - computed
            found[way].append(
                Speed(
                    requests_per_second=len(latencies) / seconds,
                    cpu_ms=1000 * computed / len(latencies),
                    p50_ms=1000 * (percentile(latencies, 50) or 0),
                    p99_ms=1000 * (percentile(latencies, 99) or 0),
                )
            )
    return {way: _medians(each) for way, each in found.items()}


def _medians(rounds: list[Speed]) -> Speed:
    return Speed(
        requests_per_second=median(x["requests_per_second"] for x in rounds),
        cpu_ms=median(x["cpu_ms"] for x in rounds),
        p50_ms=median(x["p50_ms"] for x in rounds),
        p99_ms=median(x["p99_ms"] for x in rounds),
    )


def _cpu_seconds(service: Service) -> float:
    times = psutil.Process(service.pid).cpu_times()
    return float(times.user + times.system)


def _compare_responses(route: str, ways: dict[str, Service]) -> None:
    """Request each way once: different work cannot be compared."""
    bodies = []
    for way, service in ways.items():
        method, path, body = request(way, route, order_id=1)
        response = httpx.request(
            method, service.url + path, json=body, trust_env=False
        )
        found = response.raise_for_status().json()
        if body:  # each way has stored an order of its own
            del found["id"], found["created_at"]
        bodies.append(found)
    if any(body != bodies[0] for body in bodies):
        message = f"the responses to {route} differ: {bodies}"
        raise ServiceFailedError(message)


def _remove_orders() -> None:
    with psycopg.connect(Settings().direct_dsn, connect_timeout=5) as server:
        server.execute("DELETE FROM orders WHERE customer = %s", [CUSTOMER])


def ratio(ways: dict[str, Speed], other: str) -> float:
    """How many requests *after* answers for each one of another way."""
    after = ways["after"]["requests_per_second"]
    return after / ways[other]["requests_per_second"]


def sentence(speeds: Speeds) -> str:
    """Sum up how fast *after* is."""
    of_raw = sorted(ratio(ways, "raw") for ways in speeds.values())
    of_fix = sorted(ratio(ways, "fix") for ways in speeds.values())
    return (
        f"after answers {_range(of_raw)} times as many requests as raw"
        f" asyncpg, and {_range(of_fix)} times as many as the write-up's fix."
    )


def _range(values: list[float]) -> str:
    least, most = f"{values[0]:.2f}", f"{values[-1]:.2f}"
    return least if least == most else f"{least} to {most}"


def table(speeds: Speeds) -> Table:
    """Lay the speeds out, three lines for each route."""
    found = Table("", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("requests/s", "after/this", "CPU ms", "p50 ms", "p99 ms"):
        found.add_column(heading, justify="right")
    for route, ways in speeds.items():
        found.add_row(route)
        for way, speed in ways.items():
            found.add_row(
                f"  {way}",
                f"{speed['requests_per_second']:,.0f}",
                "" if way == "after" else f"{ratio(ways, way):.2f}",
                f"{speed['cpu_ms']:.2f}",
                f"{speed['p50_ms']:.0f}",
                f"{speed['p99_ms']:.0f}",
            )
    return found
