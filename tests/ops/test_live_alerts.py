"""A real Prometheus with the real rules scrapes a service that leaks.

The tests take seconds, because Prometheus scrapes every second and each `for:`
is one second. The write-up's threshold of 80 in 100 connections is scaled to
the pool of six. The rest is as in ops/prometheus/alerts.yml.
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
from tests.conftest import Service, until
from tests.garbage import ignored_warnings
from tests.ops.rules import FILE
from tests.process.command import free_port, wait_until
from tests.programs import program

pytestmark = pytest.mark.slow

WRITE_UPS = "DatabaseConnectionLeak"
MOST_ACTIVE = 4
"""80 of 100 connections, scaled to a pool of six."""
LEAKED_AS_THE_SERVER_SEES_IT = (
    f'db_connections_active{{state="idle in transaction"}} > {MOST_ACTIVE}'
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The service serves the port that Prometheus scrapes."""
    return settings.model_copy(update={"poolwatch_port": free_port()})


class Prometheus:
    """A running Prometheus, queried over HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ready(self) -> bool:
        """Whether it responds."""
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def query(self, query: str) -> list[dict[str, Any]]:
        """Evaluate an expression now, and return a vector."""
        answer = self._client.get("/api/v1/query", params={"query": query})
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def firing(self, alert: str) -> list[dict[str, str]]:
        """Return the labels of each firing alert of this name."""
        page = self._client.get("/api/v1/alerts").json()
        return [
            found["labels"]
            for found in page["data"]["alerts"]
            if found["labels"]["alertname"] == alert
            and found["state"] == "firing"
        ]

    def was_silent(self, alert: str) -> bool:
        """Whether an alert was never pending."""
        return not self.query(
            f'count_over_time(ALERTS{{alertname="{alert}"}}[1h])'
        )


@pytest.fixture
def prometheus(
    service: Service, settings: Settings, tmp_path: Path
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the service and evaluates the rules."""
    del service  # it runs before Prometheus, and longer
    scraping = yaml.safe_dump(config(settings.poolwatch_port))
    Path(tmp_path, "prometheus.yml").write_text(scraping)
    Path(tmp_path, "alerts.yml").write_text(faster_rules())
    with (
        running(tmp_path) as url,
        httpx.Client(base_url=url) as client,
    ):
        prometheus = Prometheus(client)
        wait_until(prometheus.ready)
        yield prometheus


def config(port: int | None) -> dict[str, Any]:
    """Scrape this service and evaluate the rules every second."""
    often = ("scrape_interval", "scrape_timeout", "evaluation_interval")
    targets = [f"127.0.0.1:{port}"]
    return {
        "global": dict.fromkeys(often, "1s"),
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "order-service",
                "static_configs": [{"targets": targets}],
            }
        ],
    }


def faster_rules() -> str:
    """Return the rules for a second and a small pool."""
    text = re.sub(r"(?m)^( +for:) \w+$", r"\1 1s", FILE.read_text())
    threshold = 'state="active"} > 80'
    assert threshold in text
    return text.replace(threshold, f'state="active"}} > {MOST_ACTIVE}')


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run Prometheus with the configuration of a folder, and end it."""
    address = f"127.0.0.1:{free_port()}"
    command = [
        program("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (
        Path(folder, "prometheus.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            yield f"http://{address}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


async def test_pool_leak_fires_and_the_write_ups_rule_does_not(
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
    # The leaked connections are visible in the write-up's metric, as idle.
    await until(lambda: prometheus.query(LEAKED_AS_THE_SERVER_SEES_IT))

    await choose("after", service)

    async def healed() -> bool:
        await service.client.post("/lab/reset")
        await service.client.get("/orders")
        return not service.loans

    with ignored_warnings():
        await until(healed)
    await until(lambda: not prometheus.firing("PoolLeak"))

    assert prometheus.was_silent(WRITE_UPS)


async def choose(variant: str, service: Service) -> None:
    """Let this variant serve /orders."""
    answer = await service.client.put(
        "/lab/flags/orders", json={"variant": variant}
    )
    answer.raise_for_status()


async def test_the_write_ups_rule_fires_on_a_busy_server_without_a_leak(
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

    # This blocking wait blocks the event loop, on which the service runs.
    wait_until(fires)

    await until(lambda: not fires())
