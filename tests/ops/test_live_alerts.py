"""A real Prometheus, the real rules, and a service that really leaks.

So that a test takes seconds, Prometheus looks every second, each `for:` is a
second, and the write-up's threshold, 80 of the 100 connections it speaks of,
is as much of a pool of six. All else is as in ops/prometheus.
"""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from app.settings import Settings
from tests.conftest import Service, ignored_warnings, until
from tests.ops.programs import program
from tests.process.command import free_port, wait_until

FOLDER = Path("ops/prometheus")
WRITE_UPS = "DatabaseConnectionLeak"
MOST_ACTIVE = 4
"""80 of 100 connections, as a part of six."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The service has the port that Prometheus scrapes."""
    return settings.model_copy(update={"poolwatch_port": free_port()})


class Prometheus:
    """A running Prometheus, asked over HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Evaluate an expression now; answer a vector."""
        answer = self._client.get("/api/v1/query", params={"query": query})
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def firing(self, alert: str) -> list[dict[str, str]]:
        """The labels of each alert of this name that fires now."""
        page = self._client.get("/api/v1/alerts").json()
        return [
            found["labels"]
            for found in page["data"]["alerts"]
            if found["labels"]["alertname"] == alert
            and found["state"] == "firing"
        ]

    def was_silent(self, alert: str) -> bool:
        """Whether an alert has not even been pending so far."""
        return not self.ask(
            f'count_over_time(ALERTS{{alertname="{alert}"}}[1h])'
        )


@pytest.fixture
def prometheus(
    service: Service, settings: Settings, tmp_path: Path
) -> Iterator[Prometheus]:
    """It has scraped the service, and evaluated the rules on that."""
    del service  # is up before, and longer
    itself = free_port()
    config = faster_config(itself, settings.poolwatch_port)
    Path(tmp_path, "prometheus.yml").write_text(yaml.safe_dump(config))
    Path(tmp_path, "alerts.yml").write_text(faster_rules())
    with (
        running(tmp_path, itself),
        httpx.Client(base_url=f"http://127.0.0.1:{itself}") as client,
    ):
        prometheus = Prometheus(client)
        wait_until(prometheus.ready)
        yield prometheus


def faster_config(itself: int, service: int | None) -> dict[str, Any]:
    """Scrape this service every second; there is no Alertmanager to tell."""
    config: dict[str, Any] = yaml.safe_load(
        (FOLDER / "prometheus.yml").read_text()
    )
    config["global"] = dict.fromkeys(config["global"], "1s")
    ports = {"order-service": service, "prometheus": itself}
    for job in config["scrape_configs"]:
        target = f"127.0.0.1:{ports[job['job_name']]}"
        job["static_configs"] = [{"targets": [target]}]
    del config["alerting"]
    return config


def faster_rules() -> str:
    """The same rules, for a second and a small pool."""
    text = (FOLDER / "alerts.yml").read_text()
    text = re.sub(r"(?m)^( +for:) \w+$", r"\1 1s", text)
    threshold = 'state="active"} > 80'
    assert threshold in text
    return text.replace(threshold, f'state="active"}} > {MOST_ACTIVE}')


@contextmanager
def running(folder: Path, port: int) -> Iterator[None]:
    """Run Prometheus on the configuration in a folder, and end it."""
    command = [
        program("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        Path(folder, "prometheus.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


async def test_a_leak_fires_its_cure_resolves_and_the_write_up_is_silent(
    service: Service, prometheus: Prometheus
) -> None:
    await choose("before", service)

    async def leaked() -> bool:
        await service.client.get("/orders")
        return len(service.loans) > MOST_ACTIVE

    await until(leaked)
    await until(lambda: prometheus.firing("PoolLeak"))
    [alert] = prometheus.firing("PoolLeak")
    assert alert["pool"] == "engine"
    assert alert["site"].startswith("app/orders/before.py:")

    await choose("after", service)
    with ignored_warnings():
        await service.client.post("/lab/reset")
    await until(lambda: not prometheus.firing("PoolLeak"))

    # It could have known: the states were there, the leaked ones idle.
    [idle] = prometheus.ask(most("idle in transaction"))
    assert int(idle["value"][1]) > MOST_ACTIVE
    assert prometheus.ask(most("active"))
    assert prometheus.was_silent(WRITE_UPS)


async def choose(variant: str, service: Service) -> None:
    """Let this variant answer /orders."""
    answer = await service.client.put(
        "/lab/flags/orders", json={"variant": variant}
    )
    answer.raise_for_status()


def most(state: str) -> str:
    """A query for the most connections that were seen in a state."""
    return f'max_over_time(db_connections_active{{state="{state}"}}[1h])'


async def test_the_write_ups_rule_fires_where_much_is_done_and_no_leak(
    service: Service, prometheus: Prometheus
) -> None:
    dsn = service.database.settings.dsn
    busy = [await asyncpg.connect(dsn) for _ in range(MOST_ACTIVE + 1)]
    working = [
        asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
        for connection in busy
    ]

    await until(lambda: prometheus.firing(WRITE_UPS))

    assert prometheus.was_silent("PoolLeak")
    for connection in busy:
        connection.terminate()
    await asyncio.gather(*working, return_exceptions=True)


async def test_a_blocked_event_loop_fires_while_it_is_blocked(
    prometheus: Prometheus,
) -> None:
    def fires() -> bool:
        return bool(prometheus.firing("BlockedEventLoop"))

    # To wait without `await` blocks the loop, which is also the service's.
    wait_until(fires)

    await until(lambda: not fires())
