"""What goes through OpenTelemetry is what Prometheus is shown."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import (
    AlwaysOnExemplarFilter,
    ExemplarReservoir,
    Histogram,
    MeterProvider,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    Metric,
)
from opentelemetry.sdk.metrics.view import View
from opentelemetry.semconv._incubating.metrics import db_metrics
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

import poolwatch
from poolwatch import Ledger, for_opentelemetry, for_prometheus, readings
from poolwatch.for_opentelemetry import Exporter
from tests.poolwatch.conftest import PATIENCE, Server, until_async
from tests.poolwatch.test_three_lines import run

USE_TIME = "db.client.connection.use_time"
WAIT_TIME = "db.client.connection.wait_time"


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    yield provider
    provider.shutdown()


@pytest.fixture
def exporter(ledger: Ledger, provider: MeterProvider) -> Exporter:
    return Exporter(ledger, provider)


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


def metrics(reader: InMemoryMetricReader) -> dict[str, Metric]:
    """What one collection brings, by name."""
    data = reader.get_metrics_data()
    return {
        metric.name: metric
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def points(reader: InMemoryMetricReader, name: str) -> dict[Any, Any]:
    """One metric's points, by the values of their attributes."""
    metric = metrics(reader).get(name)
    return {
        tuple((point.attributes or {}).values()): point
        for point in (metric.data.data_points if metric else ())
    }


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
    opened = await engine.connect()
    waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
    await until_async(lambda: ledger.books["orders"].waiting)

    shown, expected = samples(theirs), samples(ours)
    for name in ("orders", "engine"):
        age = "poolwatch_oldest_loan_seconds", ("pool", name)
        assert 0 < shown.pop(age) < expected.pop(age)  # which was read later
    assert shown == pytest.approx(expected, rel=1e-9)
    for name in (
        "db_client_connection_count",
        "db_client_connection_pending_requests",
        "db_client_connection_timeouts_total",
        "db_client_connection_wait_time_seconds_sum",
        "db_client_connection_use_time_seconds_sum",
        "db_client_connection_create_time_seconds_sum",
        "poolwatch_leaks_total",
        "poolwatch_reclaimed_total",
    ):
        assert any(key[0] == name and shown[key] for key in shown), name
    states = {
        dict(labels)["state"]
        for (name, *labels), value in shown.items()
        if name == "poolwatch_loans_open" and value
    }
    assert states == {"open", "overdue", "leaked"}

    await pool.release(overdue)
    await waiting
    await opened.close()
    provider.shutdown()


@pytest.mark.usefixtures("exporter")
async def test_the_nine_are_those_of_the_semantic_conventions(
    pool: asyncpg.Pool, reader: InMemoryMetricReader
) -> None:
    await pool.fetchval("SELECT 1")

    conventional = InMemoryMetricReader()
    meter = MeterProvider([conventional], shutdown_on_exit=False).get_meter(
        "conventions"
    )
    for name, create in vars(db_metrics).items():
        if name.startswith("create_db_client_connection_"):
            instrument = create(meter)
            use = getattr(instrument, "add", None) or instrument.record
            use(1)

    def kinds(reader: InMemoryMetricReader) -> dict[str, tuple[Any, ...]]:
        return {
            name: (
                metric.unit,
                type(metric.data),
                getattr(metric.data, "is_monotonic", None),
            )
            for name, metric in metrics(reader).items()
            if name.startswith("db.")
        }

    assert len(kinds(reader)) == 9
    assert kinds(reader) == kinds(conventional)
    count = points(reader, db_metrics.DB_CLIENT_CONNECTION_COUNT)
    assert {key: point.value for key, point in count.items()} == {
        ("orders", "idle"): 1,
        ("orders", "used"): 0,
    }
    assert {*count["orders", "idle"].attributes} == {
        "db.client.connection.pool.name",
        "db.client.connection.state",
    }


class Interrupted(ExemplarReservoir):
    """Runs the garbage collector while the SDK has its locks."""

    def __init__(self, during: str) -> None:
        self._during = during

    def offer(self, *_: object) -> None:
        if self._during == "record":
            gc.collect()

    def collect(self, *_: object) -> list[Any]:
        if self._during == "collect":
            gc.collect()
        return []


@pytest.mark.parametrize("during", ["record", "collect"])
def test_a_loan_may_be_reclaimed_while_the_sdk_has_its_locks(
    server: Server, ledger: Ledger, during: str
) -> None:
    reader = InMemoryMetricReader({Histogram: AggregationTemporality.DELTA})
    view = View(
        instrument_name=USE_TIME,
        exemplar_reservoir_factory=lambda _: lambda **_: Interrupted(during),
    )
    provider = MeterProvider(
        [reader],
        exemplar_filter=AlwaysOnExemplarFilter(),
        shutdown_on_exit=False,
        views=[view],
    )
    Exporter(ledger, provider)
    engine = create_engine(server.engine_url("psycopg"))
    book = poolwatch.watch(engine, "orders", ledger)
    recorded: list[int] = []

    def leak_and_collect() -> None:
        engine.connect().close()
        Session(engine).execute(text("SELECT 1"))
        for _ in range(2):
            use_time = points(reader, USE_TIME).values()
            recorded.extend(point.count for point in use_time)

    thread = threading.Thread(target=leak_and_collect, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits for itself"
    assert book.reclaimed == 1
    assert sum(recorded) == 2
    engine.dispose()


@pytest.mark.usefixtures("pool", "engine", "exporter")
async def test_a_closed_pool_is_shown_no_more(
    ledger: Ledger,
    reader: InMemoryMetricReader,
) -> None:
    for reading in readings.READINGS:
        shown = points(reader, reading.name)
        assert {name for name, *_ in shown} == {"orders", "engine"}

    ledger.close_book(ledger.books["orders"])

    for reading in readings.READINGS:
        shown = points(reader, reading.name)
        assert {name for name, *_ in shown} == {"engine"}


async def test_a_service_that_starts_anew_is_shown_anew(
    pool: asyncpg.Pool,
    exporter: Exporter,
    provider: MeterProvider,
    reader: InMemoryMetricReader,
) -> None:
    await pool.fetchval("SELECT 1")
    exporter.close()
    exporter.close()
    await pool.fetchval("SELECT 1")
    assert {*metrics(reader)} == {WAIT_TIME, USE_TIME} | {
        "db.client.connection.create_time"
    }

    ledger = Ledger()
    poolwatch.watch(pool, "orders", ledger)
    Exporter(ledger, provider)
    await pool.fetchval("SELECT 1")

    assert points(reader, "db.client.connection.max")["orders",].value == 2
    assert points(reader, WAIT_TIME)["orders",].count == 2


@pytest.mark.usefixtures("pool", "exporter")
async def test_two_ledgers_can_be_shown_and_neither_twice(
    server: Server,
    ledger: Ledger,
    provider: MeterProvider,
    reader: InMemoryMetricReader,
) -> None:
    other = Ledger()
    unlimited = create_async_engine(
        server.engine_url("asyncpg"), poolclass=NullPool
    )
    poolwatch.watch(unlimited, "unlimited", other)
    Exporter(other, provider)
    with pytest.raises(ValueError, match="shown there already"):
        Exporter(ledger, provider)

    count = points(reader, "db.client.connection.count")
    assert {name for name, _ in count} == {"orders", "unlimited"}


@pytest.mark.usefixtures("exporter")
async def test_a_pool_without_a_limit_has_no_maximum(
    server: Server,
    ledger: Ledger,
    reader: InMemoryMetricReader,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = server.engine_url("asyncpg")
    unlimited = create_async_engine(url, poolclass=NullPool)
    poolwatch.watch(unlimited, "unlimited", ledger)

    assert "db.client.connection.max" not in metrics(reader)
    assert not caplog.messages


@pytest.mark.usefixtures("exporter")
async def test_open_loans_beyond_the_most_lines_are_shown_together(
    engine: AsyncEngine,
    ledger: Ledger,
    reader: InMemoryMetricReader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readings, "MOST_LINES", 2)
    lent = []
    for name in "abbccc":
        with ledger.borrower(name):
            lent.append(await engine.connect())

    loans = points(reader, "poolwatch.loans.open")

    assert {(key[1], point.value) for key, point in loans.items()} == {
        ("c", 3),
        ("b", 2),
        ("other", 1),
    }
    for connection in lent:
        await connection.close()


@pytest.mark.usefixtures("exporter")
async def test_what_nobody_collects_is_bounded(
    pool: asyncpg.Pool,
    reader: InMemoryMetricReader,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(for_opentelemetry, "MOST_KEPT", 3)
    for _ in range(5):
        await pool.fetchval("SELECT 1")

    assert points(reader, WAIT_TIME)["orders",].count == 3
    assert "pool 'orders': 3 durations or more" in caplog.text


LATER = """
import asyncio, sys
import asyncpg
import poolwatch
from opentelemetry import metrics
from poolwatch.for_opentelemetry import Exporter

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
    metrics.set_meter_provider(MeterProvider([reader]))
    shown = reader.get_metrics_data().resource_metrics[0].scope_metrics[0]
    [waits] = [m for m in shown.metrics if m.name.endswith("wait_time")]
    assert waits.data.data_points[0].count == 1
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
    import poolwatch.for_opentelemetry
except ModuleNotFoundError as error:
    assert error.name == "opentelemetry", error
    print(42)
"""


def test_poolwatch_does_without_it(tmp_path: Path) -> None:
    run(tmp_path, WITHOUT, ())
