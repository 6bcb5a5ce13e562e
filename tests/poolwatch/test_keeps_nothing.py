"""The ledger keeps no connection and no session: it deepens no leak."""

import gc
import pickle
import weakref
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

import poolwatch
from poolwatch import Ledger, Loan, Reporter
from tests.poolwatch.conftest import Server, only


@pytest.fixture
def engine(
    server: Server, ledger: Ledger, reporter: Reporter
) -> Iterator[Engine]:
    assert reporter in ledger.listeners
    engine = create_engine(server.engine_url("psycopg"))
    poolwatch.watch(engine, "orders", ledger)
    yield engine
    engine.dispose()


def test_a_session_that_is_closed_over_dies_when_it_is_dropped(
    engine: Engine, ledger: Ledger
) -> None:
    def handler() -> Callable[[], Session]:
        session = Session(engine)
        session.execute(text("SELECT 1"))
        return lambda: session

    with ledger.borrower("request", {"type": "http", "state": {}}):
        kept = handler()
    alive = weakref.ref(kept())
    assert only(ledger).leaked
    del kept
    gc.collect()
    assert alive() is None
    assert not list(ledger.loans())


def test_a_connection_that_is_dropped_dies_by_its_reference_count(
    engine: Engine, ledger: Ledger
) -> None:
    with ledger.borrower("request"):
        connection = engine.raw_connection()
        alive = weakref.ref(connection)
        assert list(ledger.loans())
        del connection
        assert alive() is None


async def test_an_asyncio_session_dies_when_it_is_dropped(
    server: Server, ledger: Ledger
) -> None:
    engine = create_async_engine(server.engine_url("asyncpg"))
    poolwatch.watch(engine, "orders", ledger)
    with ledger.borrower("request"):
        session = AsyncSession(engine)
        await session.execute(text("SELECT 1"))
        alive = weakref.ref(session)
    assert only(ledger).leaked
    del session
    gc.collect()
    assert alive() is None
    await engine.dispose()


def test_a_psycopg_connection_dies_by_its_reference_count(
    server: Server, ledger: Ledger
) -> None:
    with ConnectionPool(server.dsn, min_size=0, max_size=1) as pool:
        poolwatch.watch(pool, "orders", ledger)
        connection = pool.getconn()
        alive = weakref.ref(connection)
        del connection
        assert alive() is None


def test_nothing_of_the_ledger_refers_to_what_was_lent(
    engine: Engine, ledger: Ledger
) -> None:
    with engine.connect() as connection:
        raw = connection.connection
        driver = raw.driver_connection
        ours = (Loan, Ledger, poolwatch.Book, poolwatch.Borrower)
        for lent in (connection, raw, raw.dbapi_connection, driver):
            assert not [
                referrer
                for referrer in gc.get_referrers(lent)
                if isinstance(referrer, ours)
            ]
        assert isinstance(driver, psycopg.Connection)
        seen = _reachable(only(ledger))
        assert not any(isinstance(one, psycopg.Connection) for one in seen)


def test_an_ended_borrower_keeps_what_names_it_and_no_more(
    engine: Engine, ledger: Ledger
) -> None:
    class Body:
        pass

    body = Body()
    alive = weakref.ref(body)
    scope = {"type": "http", "headers": [], "state": {"body": body}}
    with ledger.borrower("GET", scope):
        connection = engine.connect()
    del body, scope
    assert alive() is None
    connection.close()


def test_an_ended_borrower_keeps_the_headers_that_are_shown_alone(
    engine: Engine, ledger: Ledger
) -> None:
    shown = [(b"x-request-id", b"r1"), (b"traceparent", b"00-1-2-01")]
    secret = [(b"authorization", b"Bearer secret"), (b"cookie", b"c" * 8192)]
    with ledger.borrower("GET", {"headers": secret + shown}) as borrower:
        assert borrower
        connection = engine.connect()
    kept = pickle.dumps(borrower._scope)
    assert b"secret" not in kept
    assert len(kept) < 1024
    assert borrower.request_id == "r1"
    assert borrower.traceparent == "00-1-2-01"
    connection.close()


def _reachable(loan: Loan) -> list[object]:
    """What the loan itself keeps, attribute by attribute."""
    return [getattr(loan, name) for name in Loan.__slots__]
