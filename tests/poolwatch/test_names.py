"""A pool has its name to itself, until it is closed for good."""

import gc
import weakref
from typing import Any

import asyncpg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from sqlalchemy import create_engine

import poolwatch
from poolwatch import Ledger
from tests.poolwatch.conftest import Server


def is_free(ledger: Ledger, server: Server) -> bool:
    """Watch another pool by the name, if that can be."""
    other = ConnectionPool(server.dsn, open=False)
    try:
        book = poolwatch.watch(other, "orders", ledger)
    except ValueError:
        return False
    return ledger.books == {"orders": book}


async def test_a_closed_asyncpg_pool_gives_its_name_free(
    ledger: Ledger, server: Server
) -> None:
    async with asyncpg.create_pool(server.dsn, min_size=0) as pool:
        poolwatch.watch(pool, "orders", ledger)
        assert not is_free(ledger, server)
    assert is_free(ledger, server)


def test_a_closed_psycopg_pool_gives_its_name_free(
    ledger: Ledger, server: Server
) -> None:
    pool = ConnectionPool(server.dsn, min_size=1, open=False)
    poolwatch.watch(pool, "orders", ledger)
    assert not is_free(ledger, server)  # closed as well, but not for good
    with pool:
        assert not is_free(ledger, server)
    assert is_free(ledger, server)


async def test_a_closed_asyncio_psycopg_pool_gives_its_name_free(
    ledger: Ledger, server: Server
) -> None:
    pool = AsyncConnectionPool(server.dsn, min_size=1, open=False)
    poolwatch.watch(pool, "orders", ledger)
    assert not is_free(ledger, server)
    async with pool:
        assert not is_free(ledger, server)
    assert is_free(ledger, server)


def test_the_name_of_an_engine_is_free_while_it_is_disposed_of(
    ledger: Ledger, server: Server
) -> None:
    engine = create_engine(server.engine_url("psycopg"))
    poolwatch.watch(engine, "orders", ledger)
    assert not is_free(ledger, server)
    engine.dispose()
    with engine.connect():
        assert not is_free(ledger, server)
    assert not is_free(ledger, server)  # one is open, and idle
    engine.dispose()
    assert is_free(ledger, server)


def test_connections_without_a_pool_keep_their_name(
    ledger: Ledger, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: Any = asyncpg.Pool
    connect = pools._get_new_connection
    monkeypatch.setattr(asyncpg, "connect", asyncpg.connect)
    monkeypatch.setattr(pools, "_get_new_connection", connect)
    poolwatch.watch(asyncpg, "orders", ledger)
    assert not is_free(ledger, server)


def test_a_closed_pool_whose_name_is_anothers_is_not_kept_alive(
    ledger: Ledger, server: Server
) -> None:
    pool = ConnectionPool(server.dsn, min_size=1, open=True)
    poolwatch.watch(pool, "orders", ledger)
    pool.close()
    kept = weakref.ref(pool)
    del pool
    assert is_free(ledger, server)
    gc.collect()
    assert kept() is None


def test_a_loan_that_its_pool_left_behind_can_still_come_back(
    ledger: Ledger, server: Server, endings: list[str]
) -> None:
    pool = ConnectionPool(server.dsn, min_size=1, open=True)
    poolwatch.watch(pool, "orders", ledger)
    connection = pool.getconn()
    pool.close()
    assert is_free(ledger, server)
    pool.putconn(connection)
    assert endings == ["returned"]
