"""Findings are logged, remembered and passed on, with their cause."""

import asyncio
import gc
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

import poolwatch
from poolwatch import Ledger, Reporter, Watchdog
from tests.poolwatch.conftest import Server, only, until, until_async


@pytest.fixture
async def pool(
    server: Server, ledger: Ledger, reporter: Reporter
) -> AsyncIterator[asyncpg.Pool]:
    assert reporter in ledger.listeners
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=10)
    poolwatch.watch(pool, "orders", ledger)
    yield pool
    pool.terminate()


@pytest.fixture
def engine(
    server: Server, ledger: Ledger, reporter: Reporter
) -> Iterator[Engine]:
    assert reporter in ledger.listeners
    engine = create_engine(server.engine_url("psycopg"))
    poolwatch.watch(engine, "engine", ledger)
    yield engine
    engine.dispose()


def kinds(reporter: Reporter) -> list[str]:
    return [finding.kind for finding in reporter.recent]


async def test_a_leak_is_found_the_moment_its_borrower_ends(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    with ledger.borrower("nightly job"):
        connection = await pool.acquire()
        assert not reporter.recent
    (finding,) = reporter.recent
    assert finding.kind == "leak"
    assert finding.pid == connection.get_server_pid()
    assert finding.borrower == "nightly job"
    assert str(finding).startswith("leak: nightly job, pool 'orders'")
    assert "checked out at tests/poolwatch/test_findings.py:" in str(finding)


async def test_a_finding_says_when_it_was_made(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    before = time.time()
    with ledger.borrower("request"):
        await pool.acquire()
    assert before <= reporter.recent[-1].at <= time.time()


async def test_a_leak_that_comes_back_says_what_healed_it(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    with ledger.borrower("request"):
        connection = await pool.acquire()
    await pool.release(connection)
    assert kinds(reporter) == ["leak", "returned late"]
    assert reporter.recent[-1].healed_by == "its own code"
    assert "returned by its own code" in str(reporter.recent[-1])


async def test_the_end_of_its_backend_heals_a_leak(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter, server: Server
) -> None:
    with ledger.borrower("request"):
        await pool.acquire()
    server.terminate(only(ledger).pid)
    await until_async(lambda: len(reporter.recent) == 2)
    assert reporter.recent[-1].healed_by == "the end of its connection"


def test_what_the_collector_gives_back_is_found(
    engine: Engine, ledger: Ledger, reporter: Reporter
) -> None:
    with ledger.borrower("request"):
        session = Session(engine)
        session.execute(text("SELECT 1"))
    del session
    assert kinds(reporter) == ["leak"]
    gc.collect()
    assert kinds(reporter) == ["leak", "garbage collected"]
    assert reporter.recent[-1].healed_by == "the garbage collector"


async def test_an_overdue_loan_tells_where_the_task_that_holds_it_awaits(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    async def call_a_slow_service() -> None:
        await slow.wait()

    async def request() -> None:
        with ledger.borrower("request"):
            async with pool.acquire():
                await call_a_slow_service()

    slow = asyncio.Event()
    holder = asyncio.create_task(request())
    await until_async(lambda: list(ledger.loans()))
    with Watchdog(ledger, overdue_after=0, interval=0.001):
        await until_async(lambda: reporter.recent)
    (finding,) = reporter.recent
    assert finding.kind == "overdue"
    assert "call_a_slow_service" in finding.holding[0]
    assert "request" in finding.holding[1]
    slow.set()
    await holder
    assert kinds(reporter) == ["overdue", "returned late"]


async def test_an_overdue_loan_of_no_request_or_job_says_so(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    await pool.acquire()
    Watchdog(ledger, overdue_after=0).look()
    (finding,) = reporter.recent
    assert str(finding).startswith("overdue: an unnamed borrower, pool 'ord")


def test_an_overdue_loan_tells_where_the_thread_that_holds_it_is(
    engine: Engine, ledger: Ledger, reporter: Reporter
) -> None:
    def compute() -> None:
        slow.wait()

    def job() -> None:
        with ledger.borrower("job"), engine.connect():
            compute()

    slow = threading.Event()
    thread = threading.Thread(target=job)
    thread.start()
    until(lambda: list(ledger.loans()))
    with Watchdog(ledger, overdue_after=0, interval=0.001):
        until(lambda: reporter.recent)
    slow.set()
    thread.join()
    assert any("compute" in line for line in reporter.recent[0].holding)


async def test_where_a_task_blocks_its_event_loop(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    def compute() -> None:  # the watchdog may look before its block begins
        with Watchdog(ledger, overdue_after=0, interval=0.001):
            until(lambda: reporter.recent)

    with ledger.borrower("request"):
        async with pool.acquire():
            compute()
    assert any("compute" in line for line in reporter.recent[0].holding)


async def test_where_a_worker_thread_is_that_a_task_waits_for(
    engine: Engine, ledger: Ledger, reporter: Reporter
) -> None:
    def compute() -> None:
        with engine.connect():
            slow.wait()

    async def request() -> None:
        with ledger.borrower("request"):
            await asyncio.to_thread(compute)

    slow = threading.Event()
    holder = asyncio.create_task(request())
    await until_async(lambda: list(ledger.loans()))
    with Watchdog(ledger, overdue_after=0, interval=0.001):
        await until_async(lambda: reporter.recent)
    slow.set()
    await holder
    assert "compute" in reporter.recent[0].holding[0]


async def test_a_loan_is_logged_once_with_all_that_is_known(
    pool: asyncpg.Pool, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with ledger.borrower("request"):
        await pool.acquire()
    with Watchdog(ledger, overdue_after=0, interval=0.001) as watchdog:
        watchdog.look()
        watchdog.look()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("poolwatch", logging.WARNING)
    extra: dict[str, Any] = record.__dict__["poolwatch"]
    assert extra["kind"] == "leak"
    assert extra["pid"] == only(ledger).pid
    assert extra["stack"]


async def test_a_call_site_that_pours_is_logged_once_a_minute(
    pool: asyncpg.Pool,
    ledger: Ledger,
    reporter: Reporter,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def leak() -> None:
        with ledger.borrower("request"):
            await pool.acquire()

    for _ in range(5):
        await leak()
    assert len(caplog.records) == 1
    assert kinds(reporter) == ["leak"] * 5
    monkeypatch.setattr(reporter, "EVERY", 0)  # a minute later
    await leak()
    assert "(and 4 more since the last such record)" in caplog.messages[-1]


async def test_what_a_pour_held_back_is_logged_when_it_has_stopped(
    pool: asyncpg.Pool,
    ledger: Ledger,
    reporter: Reporter,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watchdog = Watchdog(ledger)
    for number in range(5):
        with ledger.borrower(f"request {number}"):
            await pool.acquire()
    watchdog.look()
    assert len(caplog.records) == 1
    monkeypatch.setattr(reporter, "EVERY", 0)  # a minute later
    watchdog.look()
    watchdog.look()
    _, late = caplog.messages
    assert late.startswith("leak: request 4, ")
    assert late.endswith(" (the newest of 4 that were held back)")
