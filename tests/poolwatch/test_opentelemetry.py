"""What goes through OpenTelemetry is what Prometheus is shown."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.semconv._incubating.metrics import db_metrics
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)
from sqlalchemy.pool import NullPool

import poolwatch
from poolwatch import Ledger
from poolwatch.metrics import prometheus as for_prometheus
from poolwatch.metrics import readings
from poolwatch.metrics.opentelemetry import Exporter
from tests.poolwatch.conftest import Server, until_async
from tests.poolwatch.telemetry import Telemetry

HAPPENINGS = {
    "db_client_connection_count",
    "db_client_connection_pending_requests",
    "db_client_connection_timeouts_total",
    "db_client_connection_wait_time_seconds_sum",
    "db_client_connection_use_time_seconds_sum",
    "db_client_connection_create_time_seconds_sum",
    "poolwatch_leaks_total",
    "poolwatch_garbage_collected_total",
}
"""Metrics that are zero until what they show has happened."""


@pytest.fixture
async def pool(server: Server, ledger: Ledger) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=2)
    poolwatch.watch(pool, "orders", ledger)
    yield pool
    pool.terminate()


@pytest.fixture
async def engine(server: Server, ledger: Ledger) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(server.engine_url("asyncpg"))
    poolwatch.watch(engine, "engine", ledger)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def everything_happens(
    pool: asyncpg.Pool, engine: AsyncEngine, ledger: Ledger
) -> AsyncIterator[None]:
    """Bring about all that there are metrics for; a borrower still waits."""
    await pool.fetchval("SELECT 1")
    for _ in range(3):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    with ledger.borrower("nightly job"):
        reclaimed = AsyncSession(engine)
        await reclaimed.execute(text("SELECT 1"))
    del reclaimed
    gc.collect()
    overdue = await pool.acquire()
    poolwatch.Watchdog(ledger, overdue_after=0).look()
    with ledger.borrower("nightly job"):
        await pool.acquire()
    with suppress(TimeoutError):
        await pool.acquire(timeout=0.01)
    async with engine.connect():
        waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
        await until_async(lambda: ledger.books["orders"].waiting)
        yield
    await pool.release(overdue)
    await waiting


def samples(registry: CollectorRegistry) -> dict[Any, float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


async def test_both_exporters_show_the_same(
    pool: asyncpg.Pool, engine: AsyncEngine, ledger: Ledger
) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    reader = PrometheusMetricReader(
        disable_target_info=True, scope_info_enabled=False, registry=theirs
    )
    provider = MeterProvider([reader], shutdown_on_exit=False)
    Exporter(ledger, provider)
    for_prometheus.Exporter(ledger, ours)

    async with everything_happens(pool, engine, ledger):
        shown, expected = samples(theirs), samples(ours)

    for name in ("orders", "engine"):
        age = "poolwatch_oldest_loan_seconds", ("pool", name)
        assert 0 < shown.pop(age) < expected.pop(age)  # which was read later
    assert shown == pytest.approx(expected, rel=1e-9)
    happened = {key for key, value in shown.items() if value}
    assert {name for name, *_ in happened} >= HAPPENINGS
    assert {
        dict(labels)["state"]
        for name, *labels in happened
        if name == "poolwatch_loans_open"
    } == {"open", "overdue", "leaked"}
    provider.shutdown()


@pytest.mark.usefixtures("exporter")
async def test_the_nine_are_those_of_the_semantic_conventions(
    pool: asyncpg.Pool, telemetry: Telemetry
) -> None:
    await pool.fetchval("SELECT 1")
    conventional = Telemetry()
    meter = conventional.provider.get_meter("conventions")
    for name, create in vars(db_metrics).items():
        if name.startswith("create_db_client_connection_"):
            instrument = create(meter)
            use = getattr(instrument, "add", None) or instrument.record
            use(1)

    shown = kinds(telemetry)
    assert len(shown) == 9
    assert shown == kinds(conventional)
    count = telemetry.points(db_metrics.DB_CLIENT_CONNECTION_COUNT)
    assert {key: point.value for key, point in count.items()} == {
        ("orders", "idle"): 1,
        ("orders", "used"): 0,
    }
    assert {*count["orders", "idle"].attributes} == {
        "db.client.connection.pool.name",
        "db.client.connection.state",
    }


def kinds(telemetry: Telemetry) -> dict[str, tuple[Any, ...]]:
    """Unit and kind of each metric of the conventions."""
    return {
        name: (
            metric.unit,
            type(metric.data),
            getattr(metric.data, "is_monotonic", None),
        )
        for name, metric in telemetry.metrics().items()
        if name.startswith("db.")
    }


@pytest.mark.usefixtures("exporter")
async def test_the_oldest_of_the_open_loans_is_shown(
    pool: asyncpg.Pool, ledger: Ledger, telemetry: Telemetry
) -> None:
    lent = [await pool.acquire(), await pool.acquire()]
    first, _ = ledger.loans()
    first.since -= 60

    oldest = telemetry.points("poolwatch.oldest_loan")

    assert 60 < oldest["orders",].value < first.age
    for connection in lent:
        await pool.release(connection)


@pytest.mark.usefixtures("exporter")
async def test_a_pool_without_a_limit_has_no_maximum(
    server: Server,
    ledger: Ledger,
    telemetry: Telemetry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = server.engine_url("asyncpg")
    unlimited = create_async_engine(url, poolclass=NullPool)
    poolwatch.watch(unlimited, "unlimited", ledger)

    assert "db.client.connection.max" not in telemetry.metrics()
    assert not caplog.messages


@pytest.mark.usefixtures("exporter")
async def test_open_loans_beyond_the_most_lines_are_shown_together(
    engine: AsyncEngine,
    ledger: Ledger,
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readings, "MOST_LINES", 2)
    lent = []
    for name in "abbccc":
        with ledger.borrower(name):
            lent.append(await engine.connect())

    loans = telemetry.points("poolwatch.loans.open")

    assert {(key[1], point.value) for key, point in loans.items()} == {
        ("c", 3),
        ("b", 2),
        ("other", 1),
    }
    for connection in lent:
        await connection.close()
