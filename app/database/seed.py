"""Fill the database with a small shop: orders, items, 400 days of metrics.

All values come from fixed random seeds, so two databases have the same orders,
and the same figures for the same day. A second run changes nothing: orders are
stored only into an empty table, and days only if they are missing.
"""

import datetime as dt
import random
from collections.abc import Callable, Iterator
from decimal import Decimal

import asyncpg

ORDERS = 3_000
DAYS = 400
EMPTY_EVERY = 97
"""Every 97th order has no items."""

_FIRST_ORDER = dt.datetime(2026, 1, 1, 8, tzinfo=dt.UTC)
_FIRST_NAMES = ("Ada", "Bo", "Chen", "Dana", "Emre", "Fay", "Gil", "Hana")
_LAST_NAMES = ("Abel", "Brandt", "Costa", "Diaz", "Ekman", "Fuchs", "Ito")
_PRODUCTS = {
    "teapot": Decimal("24.90"),
    "green tea, 100 g": Decimal("7.50"),
    "black tea, 250 g": Decimal("11.20"),
    "cup and saucer": Decimal("9.80"),
    "strainer": Decimal("4.35"),
    "kettle": Decimal("49.00"),
    "honey, 500 g": Decimal("6.95"),
    "biscuits": Decimal("3.20"),
}

_WEEKEND = {6, 7}

Row = tuple[object, ...]


async def seed(
    dsn: str, today: dt.date, report: Callable[[str], None]
) -> None:
    """Store the missing rows in one transaction; report each step.

    Raises:
        asyncpg.UndefinedTableError: the database is not migrated.
        OSError: the server cannot be reached.

    """
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        async with connection.transaction():
            # Two seeds at once would both find empty tables. A table lock
            # would wait for leaked transactions, and block all requests.
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext('order-service seed'))"
            )
            await _seed_orders(connection, report)
            await _seed_metrics(connection, today, report)
        await connection.execute("ANALYZE orders, order_items, metrics")
    finally:
        await connection.close(timeout=5)


async def _seed_orders(
    connection: asyncpg.Connection, report: Callable[[str], None]
) -> None:
    there = await connection.fetchval("SELECT count(*) FROM orders")
    if there:
        report(f"orders: {there} there already")
        return
    draw = random.Random(20261122)  # noqa: S311 - the same shop each time
    orders = list(_orders(draw))
    items = [item for number, _, _ in orders for item in _items(draw, number)]
    await connection.copy_records_to_table(
        "orders", records=orders, columns=["id", "customer", "created_at"]
    )
    await connection.copy_records_to_table(
        "order_items",
        records=items,
        columns=["order_id", "product", "price", "quantity"],
    )
    await connection.execute(
        "SELECT setval(pg_get_serial_sequence('orders', 'id'), $1)", ORDERS
    )
    report(f"orders: {len(orders)} stored, with {len(items)} items")


async def _seed_metrics(
    connection: asyncpg.Connection,
    today: dt.date,
    report: Callable[[str], None],
) -> None:
    days = [today - dt.timedelta(days=back) for back in range(DAYS)]
    rows = await connection.fetch(
        "SELECT day FROM metrics WHERE day = ANY($1)", days
    )
    there = {row["day"] for row in rows}
    missing = [_metrics(day) for day in reversed(days) if day not in there]
    await connection.copy_records_to_table(
        "metrics",
        records=missing,
        columns=["day", "visitors", "orders", "revenue"],
    )
    report(f"metrics: {len(missing)} days stored, {len(there)} there already")


def _orders(draw: random.Random) -> Iterator[tuple[int, str, dt.datetime]]:
    created = _FIRST_ORDER
    for number in range(1, ORDERS + 1):
        created += dt.timedelta(minutes=draw.randint(1, 150))
        name = f"{draw.choice(_FIRST_NAMES)} {draw.choice(_LAST_NAMES)}"
        yield number, name, created


def _items(draw: random.Random, order: int) -> Iterator[Row]:
    if order % EMPTY_EVERY == 0:
        return
    for product in draw.sample(list(_PRODUCTS), draw.randint(1, 5)):
        yield order, product, _PRODUCTS[product], draw.randint(1, 4)


def _metrics(day: dt.date) -> Row:
    draw = random.Random(day.toordinal())  # noqa: S311 - same day, same row
    visitors = draw.randint(400, 900) // (
        2 if day.isoweekday() in _WEEKEND else 1
    )
    orders = visitors * draw.randint(2, 6) // 100
    revenue = sum(
        Decimal(draw.randint(500, 9_000)) / 100 for _ in range(orders)
    )
    return day, visitors, orders, revenue
