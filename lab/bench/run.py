"""How fast the fixed routes are, beside a floor and the write-up's own fix.

Each route is answered three ways in turn, round after round, so that what
else the machine does meets all three alike: on raw asyncpg, by the write-up's
fix (both in `baselines.py`), and as the service has it. Medians count. Locust
sends the load from a process of its own; what it gets from an endpoint that
does nothing shows how far it is from being the bottleneck.
"""

import asyncio
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg
import httpx
from rich.console import Console
from rich.progress import Progress

from app.settings import Settings
from lab.bench.report import Measured, Round, medians, show, write
from lab.service import Service, ServiceFailedError, running, running_service

USERS = 32
"""Requests under way at once, each on a connection that is kept."""
WARM_UP_SECONDS = 1
"""The users come in two halves, so far apart; until then nothing counts."""
PATIENCE_SECONDS = 60
"""What Locust may take beyond its time, to start and to stop."""

_LAST_MONTH = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=30)

ROUTES = (
    "GET /orders?limit=50",
    "GET /orders-alt?limit=50",
    "GET /orders/{order_id}",
    "POST /orders/{order_id}/process",
    f"GET /analytics?since={_LAST_MONTH}",
    "POST /orders",
)
"""What is sent, over and over; `{order_id}` becomes a random order's."""
NOTHING = "GET /healthz"
CUSTOMER = "bench, removed afterwards"
NEW_ORDER = json.dumps(
    {
        "customer": CUSTOMER,
        "items": [
            {"product": "teapot", "price": "24.90", "quantity": 1},
            {"product": "cup and saucer", "price": "9.80", "quantity": 4},
        ],
    }
)

Send = Callable[[str, str, str], Round]
"""Sends a route to one way's URL for one round."""


def run(seconds: int, rounds: int) -> None:
    """Measure every route, so long in each round; print and write.

    Raises:
        ServiceFailedError: a process went away, a request failed, or the
            three ways answer differently.

    """
    measured = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=rounds * (3 * len(ROUTES) + 1))

        def send(route: str, way: str, url: str) -> Round:
            progress.update(task, description=f"{route}, {way}")
            found = load(url, route, seconds)
            progress.advance(task)
            return found

        try:
            for route in ROUTES:
                measured[route] = _measure(route, rounds, send)
        except (httpx.HTTPError, subprocess.TimeoutExpired) as error:
            raise ServiceFailedError(str(error)) from error
        finally:
            server = asyncio.run(_remove_orders())
        with running_baselines() as idle:
            nothing = [
                send(NOTHING, "nothing", idle.url) for _ in range(rounds)
            ]
    facts = {
        "users": USERS,
        "rounds": rounds,
        "seconds": seconds,
        "postgresql": server,
    }
    show(measured, medians(nothing), facts)
    write(measured, medians(nothing), facts)


def _measure(route: str, rounds: int, send: Send) -> dict[str, Measured]:
    """Measure one route three ways, on freshly started processes."""
    with (
        running_baselines() as raw,
        running_baselines() as write_up,
        running_service() as after,
    ):
        ways = {"raw": raw, "write-up": write_up, "after": after}
        urls = {way: f"{ways[way].url}/{way}" for way in ways}
        _compare_answers(route, list(urls.values()))
        found: dict[str, list[Round]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, url in urls.items():
                found[way].append(send(route, way, url))
        return {
            way: medians(found[way], _pool_wait(ways[way])) for way in ways
        }


@contextmanager
def running_baselines() -> Iterator[Service]:
    """Start the baselines as the service is started, and end them."""
    app = ["--factory", "--no-access-log", "lab.bench.baselines:create_app"]
    with running(["uvicorn", *app], "no token") as baselines:
        yield baselines


def _request(route: str) -> tuple[str, str, str]:
    """Take a route apart: method, path and body."""
    method, path = route.split(" ")
    return method, path, NEW_ORDER if path == "/orders" else ""


def _compare_answers(route: str, urls: list[str]) -> None:
    """Let each way answer once: different work is not worth comparing."""
    method, path, body = _request(route)
    bodies = []
    for url in urls:
        answer = httpx.request(
            method,
            url + path.format(order_id=1),
            content=body,
            headers={"Content-Type": "application/json"},
            trust_env=False,
        )
        found = answer.raise_for_status().json()
        if body:  # each way has stored an order of its own
            del found["id"], found["created_at"]
        bodies.append(found)
    if any(body != bodies[0] for body in bodies):
        message = f"{route} is answered differently: {bodies}"
        raise ServiceFailedError(message)


def load(url: str, route: str, seconds: int) -> Round:
    """Send one route to one URL for so long, by all users at once."""
    method, path, body = _request(route)
    command = [sys.executable, "-m", "locust", "-f", "lab/bench/load.py"]
    command += ["--headless", "--json", "--skip-log", "--reset-stats"]
    command += ["--users", str(USERS), "--spawn-rate", str(USERS / 2)]
    command += ["--run-time", f"{seconds + WARM_UP_SECONDS}s"]
    command += ["--exit-code-on-error", "0", "--host", url]
    command += ["--method", method, "--path", path, "--body", body]
    locust = subprocess.run(  # noqa: S603 - our own command line
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + PATIENCE_SECONDS,
        start_new_session=True,
    )
    if locust.returncode:
        message = f"Locust failed:\n{locust.stderr[-2000:]}"
        raise ServiceFailedError(message)
    [found] = json.loads(locust.stdout)
    if found["num_failures"]:
        message = (
            f"{found['num_failures']} of {found['num_requests']} requests"
            f" failed: {method} {url}{path}"
        )
        raise ServiceFailedError(message)
    return Round.from_locust(found)


def _pool_wait(service: Service) -> float:
    """Milliseconds that 95 % of the waits for a connection did not exceed."""
    with service.client() as client:
        waits = client.get("/lab/waits").raise_for_status().json()
    return float(waits["p95"] * 1000)


async def _remove_orders() -> str:
    """Remove what was ordered; answer the server's version."""
    connection = await asyncpg.connect(Settings().dsn, timeout=5)
    try:
        await connection.execute(
            "DELETE FROM orders WHERE customer = $1", CUSTOMER
        )
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close(timeout=5)
