"""What `watch` may be called with, how often, and what it keeps alive."""

import gc
import weakref
from collections.abc import Iterator
from functools import lru_cache

import asyncpg
import pytest
import sqlalchemy
from psycopg_pool import ConnectionPool
from sqlalchemy import Engine, QueuePool, create_engine, event

import poolwatch
from poolwatch import Ledger
from tests.poolwatch.conftest import Server


@pytest.fixture
def engine(server: Server) -> Iterator[Engine]:
    engine = create_engine(server.engine_url("psycopg"), pool_size=5)
    yield engine
    engine.dispose()


def test_an_engine_can_be_watched_twice(
    engine: Engine, ledger: Ledger
) -> None:
    book = poolwatch.watch(engine, "orders", ledger)
    assert poolwatch.watch(engine, "orders", ledger) is book
    with engine.connect():
        assert len(book.loans) == 1
    assert book.loans_ended == 1
    with pytest.raises(ValueError, match="watched already, as 'orders'"):
        poolwatch.watch(engine, "reports", ledger)


def test_an_application_factory_may_run_again(
    server: Server, ledger: Ledger
) -> None:
    for _ in range(2):
        engine = create_engine(server.engine_url("psycopg"))
        book = poolwatch.watch(engine, "orders", ledger)
        with engine.connect():
            assert list(ledger.books.values()) == [book]
        engine.dispose()


def test_engines_that_are_dropped_are_collected_and_their_books_closed(
    server: Server, ledger: Ledger
) -> None:
    made: list[weakref.ref[Engine]] = []

    @lru_cache(maxsize=2)
    def engine_of(tenant: str) -> Engine:
        engine = create_engine(server.engine_url("psycopg"))
        poolwatch.watch(engine, tenant, ledger)
        made.append(weakref.ref(engine))
        return engine

    for number in range(6):
        with engine_of(f"tenant {number}").connect():
            pass
    gc.collect()
    assert [ref() is not None for ref in made] == [*[False] * 4, True, True]
    assert list(ledger.books) == ["tenant 4", "tenant 5"]
    engine_of.cache_clear()
    gc.collect()


async def test_an_asyncpg_pool_that_is_dropped_closes_its_book(
    server: Server, ledger: Ledger
) -> None:
    pool = await asyncpg.create_pool(server.dsn, min_size=1, max_size=1)
    poolwatch.watch(pool, "orders", ledger)
    pool.terminate()
    del pool
    gc.collect()
    assert not ledger.books


@pytest.mark.parametrize("version", ["1.4.54", "0.9"])
def test_a_version_that_is_too_old_is_named_and_not_watched(
    engine: Engine,
    ledger: Ledger,
    version: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sqlalchemy, "__version__", version)
    for _ in range(2):
        book = poolwatch.watch(engine, "orders", ledger)
    assert f"cannot watch sqlalchemy {version}: it supports 2.0 or newer" in (
        caplog.text
    )
    with engine.connect():
        assert not book.loans
    assert type(engine.pool) is QueuePool


def test_a_driver_that_has_changed_is_named_and_not_watched(
    server: Server,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delattr(ConnectionPool, "putconn")
    pool = ConnectionPool(server.dsn, min_size=0, max_size=1, open=False)
    poolwatch.watch(pool, "orders", ledger)
    assert "poolwatch cannot watch psycopg_pool" in caplog.text
    assert type(pool) is ConnectionPool


def test_a_method_that_was_taken_before_is_warned_of(
    server: Server, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with ConnectionPool(server.dsn, min_size=0, max_size=1, open=True) as pool:
        getconn = pool.getconn
        book = poolwatch.watch(pool, "orders", ledger)
        assert "taken the pool's `getconn` before `watch`" in caplog.text
        connection = getconn()
        assert not book.loans
        pool.putconn(connection)


def test_a_proxy_of_an_engine_is_watched(
    engine: Engine, ledger: Ledger
) -> None:
    class Proxy:
        __wrapped__ = engine

    book = poolwatch.watch(Proxy(), "orders", ledger)
    with engine.connect():
        assert len(book.loans) == 1


def test_connections_that_were_opened_before_are_counted(
    engine: Engine, ledger: Ledger
) -> None:
    opened = [engine.connect() for _ in range(3)]
    for connection in opened:
        connection.close()
    gauge = poolwatch.watch(engine, "orders", ledger).gauge
    assert (gauge.idle(), gauge.checked_out()) == (3, 0)
    with engine.connect():
        assert (gauge.idle(), gauge.checked_out()) == (2, 1)
    connection = engine.connect()
    connection.detach()
    connection.close()
    assert (gauge.idle(), gauge.checked_out()) == (2, 0)


def test_a_connect_listener_that_fails_leaves_the_counts_right(
    engine: Engine, ledger: Ledger
) -> None:
    gauge = poolwatch.watch(engine, "orders", ledger).gauge

    def fail(*_: object) -> None:
        raise RuntimeError

    event.listen(engine, "connect", fail)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            engine.connect()
    assert (gauge.idle(), gauge.checked_out()) == (0, 0)
    event.remove(engine, "connect", fail)
    engine.connect().close()
    assert (gauge.idle(), gauge.checked_out()) == (1, 0)


def test_the_counts_are_those_of_the_pool_that_dispose_has_made(
    engine: Engine, ledger: Ledger
) -> None:
    gauge = poolwatch.watch(engine, "orders", ledger).gauge
    with engine.connect():
        engine.dispose()
        assert (gauge.idle(), gauge.checked_out()) == (0, 0)
        engine.connect().close()
        assert (gauge.idle(), gauge.checked_out()) == (1, 0)
    assert (gauge.idle(), gauge.checked_out()) == (1, 0)


def test_connections_of_a_creator_are_timed_also_after_dispose(
    server: Server, ledger: Ledger
) -> None:
    plain = create_engine(server.engine_url("psycopg"))

    def create() -> object:
        return plain.raw_connection().driver_connection

    engine = create_engine("postgresql+psycopg://", creator=create)
    book = poolwatch.watch(engine, "orders", ledger)
    for count in (1, 2):
        engine.connect().close()
        assert sum(book.create_time.counts) == count
        engine.dispose()
    plain.dispose()
