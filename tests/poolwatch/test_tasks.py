"""Tasks that outlive their request, late releases, nested borrowers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import asyncpg
import pytest
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy import text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    base,
    create_async_engine,
    session,
)

import poolwatch
from poolwatch import Book, Ledger, Reporter, diagnose, explain
from poolwatch.pools import sqlalchemy as for_sqlalchemy
from poolwatch.reclaim import reclaim_leaks
from tests.poolwatch.conftest import Server, only, until_async

MOST = 3


@pytest.fixture
async def pool(server: Server, ledger: Ledger) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=MOST)
    poolwatch.watch(pool, "orders", ledger)
    yield pool
    pool.terminate()


@pytest.fixture
def book(pool: asyncpg.Pool, ledger: Ledger) -> Book:
    return poolwatch.watch(pool, "orders", ledger)  # the same, once more


@pytest.fixture
async def engine(server: Server, ledger: Ledger) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(server.engine_url("asyncpg"), pool_size=MOST)
    poolwatch.watch(engine, "engine", ledger)
    yield engine
    await engine.dispose()


def kinds(reporter: Reporter) -> list[str]:
    return [finding.kind for finding in reporter.recent]


async def test_a_task_that_leaks_after_its_request_names_the_request(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, reporter: Reporter
) -> None:
    ended = asyncio.Event()

    async def look_up() -> None:
        await ended.wait()
        await pool.acquire()

    with ledger.borrower("GET", {"route": Route("/places/{n}")}):
        tasks = [asyncio.create_task(look_up()) for _ in range(MOST)]
    ended.set()
    await asyncio.wait(tasks)
    await until_async(lambda: book.leaks == MOST)
    assert kinds(reporter) == ["task leak"] * MOST
    assert reporter.recent[-1].borrower == "after GET /places/{n}"
    verdict = diagnose(book)
    assert verdict is not None
    assert verdict.cause == "task leak"
    assert "look_up" in verdict.because


async def test_a_task_that_hoards_is_the_verdict_while_it_runs(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    async def hoard() -> None:
        for _ in range(MOST):
            await pool.acquire()
        await asyncio.Event().wait()

    with ledger.borrower("GET"):
        task = asyncio.create_task(hoard())
    await until_async(lambda: book.full)
    verdict = diagnose(book)
    assert verdict is not None
    assert verdict.cause == "task leak"
    task.cancel()


async def test_a_worker_that_a_request_starts_is_no_leak(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, reporter: Reporter
) -> None:
    async def work() -> None:
        for _ in range(3):
            async with pool.acquire():
                holding.set()
                await go_on.wait()

    holding, go_on = asyncio.Event(), asyncio.Event()
    with ledger.borrower("GET"):
        task = asyncio.create_task(work())
        await holding.wait()
    assert only(ledger).borrower is not None
    go_on.set()
    await task
    assert (book.leaks, kinds(reporter)) == (0, [])


async def test_a_worker_that_keeps_its_loan_is_overdue_and_named_as_the_holder(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, reporter: Reporter
) -> None:
    async def work() -> None:
        while True:
            await pool.acquire()
            await more.wait()

    more = asyncio.Event()
    with ledger.borrower("GET", {"route": Route("/start")}):
        task = asyncio.create_task(work())
    await until_async(lambda: book.loans)
    poolwatch.Watchdog(ledger, overdue_after=0).look()
    (finding,) = reporter.recent
    assert finding.kind == "overdue"
    assert finding.outlived
    assert str(finding).startswith("overdue: after GET /start, pool 'orders'")
    assert ", still held by a task that the request started, now at tests" in (
        str(finding)
    )
    task.cancel()
    await asyncio.wait([task])
    assert kinds(reporter) == ["overdue", "task leak"]
    assert "still held" not in str(reporter.recent[-1])


async def test_a_worker_of_an_engine_has_one_borrower_for_all_its_loans(
    engine: AsyncEngine, ledger: Ledger
) -> None:
    seen: list[object] = []

    async def work() -> None:
        await ended.wait()
        for _ in range(3):
            async with engine.connect():
                seen.append(only(ledger).borrower)

    ended = asyncio.Event()
    with ledger.borrower("GET"):
        task = asyncio.create_task(work())
    ended.set()
    await task
    assert len(seen) == 3
    assert len(set(seen)) == 1


async def test_what_the_request_itself_hands_to_a_task_is_a_leak(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, reporter: Reporter
) -> None:
    async def announce(connection: PoolConnectionProxy) -> None:
        await told.wait()
        await pool.release(connection)

    told = asyncio.Event()
    with ledger.borrower("POST"):
        task = asyncio.create_task(announce(await pool.acquire()))
    assert book.leaks == 1
    told.set()
    await task
    assert kinds(reporter) == ["leak", "returned late"]


async def test_a_release_that_a_deadline_interrupts_is_no_leak(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, reporter: Reporter
) -> None:
    with ledger.borrower("GET"), anyio.move_on_after(0.05):
        async with pool.acquire() as connection:
            await connection.execute("SELECT pg_sleep(10)")
    await until_async(lambda: not book.loans)
    assert (book.leaks, kinds(reporter)) == (0, [])


@pytest.mark.parametrize("closing", ["session", "block", "connection"])
async def test_a_session_that_is_closed_in_the_background_is_no_leak(
    engine: AsyncEngine,
    ledger: Ledger,
    reporter: Reporter,
    closing: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book = ledger.books["engine"]
    _be_before_2_1(monkeypatch)
    with ledger.borrower("GET"):
        if closing == "connection":
            connection = await engine.connect()
            await connection.execute(text("SELECT 1"))
            task = asyncio.create_task(connection.close())
        elif closing == "session":
            opened = AsyncSession(engine)
            await opened.execute(text("SELECT 1"))
            task = asyncio.create_task(opened.close())
        else:
            block = async_sessionmaker(engine).begin()
            await (await block.__aenter__()).execute(text("SELECT 1"))
            task = asyncio.create_task(block.__aexit__(None, None, None))
        await asyncio.sleep(0)  # it has begun, and waits for the server
        assert len(book.loans) == 1
    await task
    assert (len(book.loans), book.leaks, kinds(reporter)) == (0, 0, [])


def _be_before_2_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have SQLAlchemy's releases noted, as before 2.1 they must be."""
    block: Any = session._AsyncSessionContextManager
    for owner, name in (
        (AsyncConnection, "close"),
        (AsyncSession, "close"),
        (block, "__aexit__"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.delattr(base, "_run_to_completion", raising=False)
    releases = for_sqlalchemy._Releases()
    monkeypatch.setattr(for_sqlalchemy, "_releases", releases)
    releases.patch()
    assert releases.patched


async def test_a_release_that_never_ends_becomes_overdue(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    with ledger.borrower("GET"):
        await pool.acquire()
        book.record_release(only(ledger).slot)
    assert not only(ledger).leaked
    poolwatch.Watchdog(ledger, overdue_after=0).look()
    assert only(ledger).overdue


async def test_what_a_nested_borrower_leaves_open_is_the_outer_ones(
    pool: asyncpg.Pool, book: Book, ledger: Ledger, reporter: Reporter
) -> None:
    with ledger.borrower("outer"):
        with ledger.borrower("inner"):
            connection = await pool.acquire()
        assert book.leaks == 0
        await pool.release(connection)
        with ledger.borrower("inner"):
            await pool.acquire()
    assert kinds(reporter) == ["leak"]
    assert reporter.recent[-1].borrower == "outer"


async def test_a_borrower_whose_outer_one_has_ended_leaks_for_itself(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    async def job() -> None:
        with ledger.borrower("job"):
            await ended.wait()
            await pool.acquire()

    ended = asyncio.Event()
    with ledger.borrower("request"):
        task = asyncio.create_task(job())
        await asyncio.sleep(0)
    ended.set()
    await task
    assert [finding.borrower for finding in reporter.recent] == ["job"]


async def test_a_coroutine_function_can_be_a_borrower(
    pool: asyncpg.Pool, ledger: Ledger, reporter: Reporter
) -> None:
    @ledger.borrower("nightly job")
    async def job() -> None:
        await asyncio.sleep(0)
        await pool.acquire()

    await asyncio.gather(job(), job())
    assert [each.borrower for each in reporter.recent] == ["nightly job"] * 2
    assert ledger.borrowers == 0


def test_a_function_can_be_a_borrower(ledger: Ledger) -> None:
    @ledger.borrower("job")
    def job() -> int:
        return ledger.borrowers

    assert (job(), job(), ledger.borrowers) == (1, 1, 0)


def test_a_generator_function_is_refused(ledger: Ledger) -> None:
    def items() -> Iterator[int]:
        yield 1

    async def async_items() -> AsyncIterator[int]:
        yield 1

    for generator in (items, async_items):
        with pytest.raises(TypeError, match="a generator function: decorate"):
            ledger.borrower("job")(generator)


async def test_what_is_kept_on_purpose_is_shown_and_left_alone(
    pool: asyncpg.Pool,
    book: Book,
    ledger: Ledger,
    reporter: Reporter,
    server: Server,
) -> None:
    with ledger.borrower("GET /lead"), poolwatch.intended("the leader's lock"):
        leader = await pool.acquire()
    poolwatch.Watchdog(ledger, overdue_after=0).look()
    assert await reclaim_leaks(ledger, server.dsn, after=0) == 0
    assert await leader.fetchval("SELECT 1") == 1
    assert (book.leaks, kinds(reporter)) == (0, [])
    assert only(ledger).state == "intended"
    assert "intended: the leader's lock" in explain(book)
    async with pool.acquire(), pool.acquire():
        verdict = diagnose(book)
        assert verdict is not None
        assert verdict.cause == "undersized pool or lock wait"


class Route:
    """What FastAPI leaves in the scope."""

    def __init__(self, path: str) -> None:
        self.path = path
