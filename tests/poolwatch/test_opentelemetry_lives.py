"""Which ledgers OpenTelemetry is shown, how long, and what it takes."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import poolwatch
from poolwatch import Ledger
from poolwatch.metrics import opentelemetry as for_opentelemetry
from poolwatch.metrics.opentelemetry import Exporter
from poolwatch.metrics.readings import READINGS
from tests.poolwatch.conftest import Server
from tests.poolwatch.telemetry import Telemetry
from tests.poolwatch.test_three_lines import run

WAIT_TIME = "db.client.connection.wait_time"


@pytest.fixture
async def pool(server: Server, ledger: Ledger) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=2)
    poolwatch.watch(pool, "orders", ledger)
    yield pool
    pool.terminate()


@pytest.fixture
async def other(server: Server) -> AsyncIterator[asyncpg.Pool]:
    other = await asyncpg.create_pool(server.dsn, min_size=0)
    yield other
    other.terminate()


@pytest.mark.usefixtures("pool", "exporter")
async def test_a_closed_pool_is_shown_no_more(
    other: asyncpg.Pool, ledger: Ledger, telemetry: Telemetry
) -> None:
    poolwatch.watch(other, "other", ledger)
    for reading in READINGS:
        shown = telemetry.points(reading.name)
        assert {name for name, *_ in shown} == {"orders", "other"}

    ledger.close_book(ledger.books["orders"])

    for reading in READINGS:
        shown = telemetry.points(reading.name)
        assert {name for name, *_ in shown} == {"other"}


async def test_a_service_that_starts_anew_is_shown_anew(
    pool: asyncpg.Pool,
    other: asyncpg.Pool,
    exporter: Exporter,
    telemetry: Telemetry,
) -> None:
    await pool.fetchval("SELECT 1")
    exporter.close()
    exporter.close()
    await pool.fetchval("SELECT 1")
    assert {*telemetry.metrics()} == {
        "db.client.connection.create_time",
        "db.client.connection.wait_time",
        "db.client.connection.use_time",
    }

    ledger = Ledger()
    poolwatch.watch(other, "orders", ledger)
    Exporter(ledger, telemetry.provider)
    await other.fetchval("SELECT 1")

    assert telemetry.points("db.client.connection.max")["orders",].value == 10
    assert telemetry.points(WAIT_TIME)["orders",].count == 2


@pytest.mark.usefixtures("pool", "exporter")
async def test_two_ledgers_are_shown_and_neither_twice(
    other: asyncpg.Pool, ledger: Ledger, telemetry: Telemetry
) -> None:
    second = Ledger()
    poolwatch.watch(other, "other", second)
    Exporter(second, telemetry.provider)
    with pytest.raises(ValueError, match="shown there already"):
        Exporter(ledger, telemetry.provider)

    count = telemetry.points("db.client.connection.count")

    assert {name for name, _ in count} == {"orders", "other"}


@pytest.mark.usefixtures("exporter")
async def test_what_nobody_collects_is_bounded(
    pool: asyncpg.Pool,
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(for_opentelemetry, "MOST_KEPT", 3)
    for _ in range(5):
        await pool.fetchval("SELECT 1")

    assert telemetry.points(WAIT_TIME)["orders",].count == 3
    assert "pool 'orders': 3 durations or more" in caplog.text


LATER = """
import asyncio, sys
import asyncpg
import poolwatch
from opentelemetry import metrics
from poolwatch.metrics.opentelemetry import Exporter

async def main():
    pool = await asyncpg.create_pool(URL, min_size=0, max_size=1)
    poolwatch.watch(pool, "orders")
    Exporter()
    await pool.fetchval("SELECT 1")
    await pool.close()
    assert not [name for name in sys.modules if "opentelemetry.sdk" in name]

    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    metrics.set_meter_provider(provider)
    other = poolwatch.Ledger()
    poolwatch.watch(asyncpg, "unpooled", other)
    Exporter(other, provider)  # the global one, by its name

    shown = reader.get_metrics_data().resource_metrics[0].scope_metrics[0]
    points = {m.name: m.data.data_points for m in shown.metrics}
    assert points["db.client.connection.wait_time"][0].count == 1
    assert len(points["db.client.connection.idle.max"]) == 2
    print(42)

asyncio.run(main())
"""


def test_the_api_is_enough_and_the_sdk_may_come_later(
    tmp_path: Path, database_url: str
) -> None:
    installed = ("asyncpg", "opentelemetry", "typing_extensions")
    run(tmp_path, f"URL = {database_url!r}\n{LATER}", installed)


WITHOUT = """
import poolwatch
try:
    import poolwatch.metrics.opentelemetry
except ModuleNotFoundError as error:
    assert error.name == "opentelemetry", error
    print(42)
"""


def test_poolwatch_does_without_it(tmp_path: Path) -> None:
    run(tmp_path, WITHOUT, ())
