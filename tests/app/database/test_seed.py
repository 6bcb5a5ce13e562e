"""Seeding fills what is missing, always with the same shop."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Any

import asyncpg
import psycopg
import pytest

from app.database.seed import DAYS, EMPTY_EVERY, ORDERS, seed
from tests.conftest import TODAY, ScratchDatabase

A_MINUTE = 60
ROWS = {
    "orders": "SELECT id, customer, created_at FROM orders ORDER BY id",
    "order_items": "SELECT * FROM order_items ORDER BY id",
    "metrics": "SELECT * FROM metrics ORDER BY day",
}


@pytest.fixture
def shop(
    scratch_database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A database with tables and no data."""
    from app.database.migrate import migrate

    with scratch_database() as url:
        monkeypatch.setenv("DATABASE_URL", url)
        migrate()
        yield url


def rows(url: str, table: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(ROWS[table]).fetchall()


async def fill(url: str, today: dt.date = TODAY) -> list[str]:
    """Seed, and answer what was reported."""
    said: list[str] = []
    await seed(url, today, said.append)
    return said


async def test_fills_orders_with_items_and_days_of_metrics(shop: str) -> None:
    said = await fill(shop)

    items = len(rows(shop, "order_items"))
    assert len(rows(shop, "orders")) == ORDERS == 3000
    assert len(rows(shop, "metrics")) == DAYS == 400
    assert ORDERS < items < 5 * ORDERS
    assert said == [
        f"orders: 3000 stored, with {items} items",
        "metrics: 400 days stored, 0 there already",
    ]


async def test_days_end_today(shop: str) -> None:
    await fill(shop)

    days = [day for day, *_ in rows(shop, "metrics")]
    assert days == [
        TODAY - dt.timedelta(days=back) for back in reversed(range(DAYS))
    ]


async def test_some_orders_are_empty(shop: str) -> None:
    await fill(shop)

    orders = {order for order, *_ in rows(shop, "orders")}
    with_items = {order for _, order, *_ in rows(shop, "order_items")}
    assert orders - with_items == set(range(EMPTY_EVERY, ORDERS, EMPTY_EVERY))


@pytest.mark.parametrize("table", ROWS)
async def test_filling_twice_does_no_harm(shop: str, table: str) -> None:
    await fill(shop)
    once = rows(shop, table)

    await fill(shop)

    assert rows(shop, table) == once


async def test_missing_days_are_filled_up(shop: str) -> None:
    await fill(shop)
    with psycopg.connect(shop) as connection:
        connection.execute("DELETE FROM metrics WHERE day > %s - 10", [TODAY])
    tomorrow = TODAY + dt.timedelta(days=1)

    said = await fill(shop, tomorrow)

    assert said[1] == "metrics: 11 days stored, 389 there already"
    days = [day for day, *_ in rows(shop, "metrics")]
    assert days[-12:] == [
        tomorrow - dt.timedelta(days=back) for back in reversed(range(12))
    ]


async def test_orders_of_others_are_left_alone(shop: str) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute("INSERT INTO orders (customer) VALUES ('first')")

    said = await fill(shop)

    assert said[0] == "orders: 1 there already"
    assert len(rows(shop, "orders")) == 1


async def test_a_new_order_gets_the_next_number(shop: str) -> None:
    await fill(shop)

    with psycopg.connect(shop) as connection:
        found = connection.execute(
            "INSERT INTO orders (customer) VALUES ('next') RETURNING id"
        )
        assert found.fetchone() == (ORDERS + 1,)


@pytest.mark.parametrize("table", ["order_items", "metrics"])
async def test_two_databases_are_alike(
    shop: str, database_url: str, table: str
) -> None:
    await fill(shop)

    ours = rows(shop, table)
    assert ours == rows(database_url, table)[: len(ours)]


async def test_two_that_fill_at_once_fill_once(shop: str) -> None:
    await asyncio.gather(fill(shop), fill(shop), fill(shop))

    assert len(rows(shop, "orders")) == ORDERS
    assert len(rows(shop, "metrics")) == DAYS


async def test_a_leaked_writer_keeps_nobody_waiting(shop: str) -> None:
    await fill(shop)
    leaked = await asyncpg.connect(shop)
    try:
        await leaked.execute("BEGIN; DELETE FROM orders WHERE id = 97")

        async with asyncio.timeout(A_MINUTE):
            await fill(shop)
    finally:
        await leaked.close()


async def test_a_database_without_tables_is_refused(
    scratch_database: ScratchDatabase,
) -> None:
    with (
        scratch_database() as url,
        pytest.raises(asyncpg.UndefinedTableError),
    ):
        await fill(url)
