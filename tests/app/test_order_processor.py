"""Processing computes an order's total once, for any number of requests."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.settings import Settings
from tests.conftest import Service, running, until


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Another client of the same database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def order(connection: asyncpg.Connection) -> int:
    """A new order of 3 × 0.10 and 2 × 24.90."""
    number: int = await connection.fetchval(
        "INSERT INTO orders (customer) VALUES ('A. Trainee') RETURNING id"
    )
    await connection.executemany(
        "INSERT INTO order_items (order_id, product, price, quantity)"
        " VALUES ($1, $2, $3, $4)",
        [
            (number, "biscuits", Decimal("0.10"), 3),
            (number, "teapot", Decimal("24.90"), 2),
        ],
    )
    return number


async def process(service: Service, order: int, variant: str = "") -> Any:  # noqa: ANN401
    answer = await service.client.post(f"{variant}/orders/{order}/process")
    assert answer.status_code == 200
    return answer.json()


async def test_the_total_is_the_sum_of_price_times_quantity(
    production: Service, order: int
) -> None:
    assert await process(production, order) == {
        "id": order,
        "status": "processed",
        "total": "50.10",
    }


async def test_total_and_status_are_stored(
    production: Service, order: int
) -> None:
    await process(production, order)

    found = (await production.client.get(f"/orders/{order}")).json()
    assert (found["status"], found["total"]) == ("processed", "50.10")


async def test_processing_twice_answers_the_same(
    production: Service, order: int
) -> None:
    assert await process(production, order) == await process(production, order)


async def test_twenty_at_once_answer_the_same_and_store_one_total(
    production: Service, order: int, connection: asyncpg.Connection
) -> None:
    answers = await asyncio.gather(
        *(process(production, order) for _ in range(20))
    )

    assert answers == [answers[0]] * 20
    stored = "SELECT total FROM orders WHERE id = $1"
    assert await connection.fetchval(stored, order) == Decimal("50.10")


@pytest.fixture
async def impatient(settings: Settings) -> AsyncIterator[Service]:
    """The service with its lab off; statements wait for locks for a moment."""
    update = {"lab_enabled": False, "lock_timeout": 0.1}
    async with running(settings.model_copy(update=update)) as service:
        yield service


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_a_queue_at_one_order_starves_no_other(
    impatient: Service, order: int, connection: asyncpg.Connection
) -> None:
    capacity = impatient.database.ledger.books["engine"].gauge.capacity() or 0
    send = impatient.client.post
    async with connection.transaction():
        await connection.execute(
            "SELECT FROM orders WHERE id = $1 FOR UPDATE", order
        )
        *queue, other = await asyncio.gather(
            *(send(f"/orders/{order}/process") for _ in range(2 * capacity)),
            send("/orders/1/process"),
        )

    assert other.status_code == 200
    assert {answer.status_code for answer in queue} == {503}
    assert {answer.json()["title"] for answer in queue} == {"Database busy"}
    assert {answer.headers["retry-after"] for answer in queue} == {"1"}


@pytest.mark.parametrize("pool", ["engine", "reader", "pool"])
async def test_with_the_lab_off_a_lock_is_waited_for_two_seconds(
    production: Service, pool: str
) -> None:
    asked = "SHOW lock_timeout"
    if pool == "pool":
        timeout = await production.database.pool.fetchval(asked)
    else:
        engine: AsyncEngine = getattr(production.database, pool)
        async with engine.connect() as connection:
            timeout = await connection.scalar(text(asked))

    assert timeout == "2s"


async def test_an_empty_order_stays_new(production: Service) -> None:
    await production.client.post("/orders/97/process")

    found = (await production.client.get("/orders/97")).json()
    assert (found["status"], found["total"]) == ("new", None)


async def add_an_item_while_processing_waits(
    service: Service, order: int, connection: asyncpg.Connection, variant: str
) -> Any:  # noqa: ANN401
    """Hold the order's row; let go once the other waits for it."""
    async with connection.transaction():
        await connection.execute(
            "SELECT FROM orders WHERE id = $1 FOR UPDATE", order
        )
        processing = asyncio.create_task(process(service, order, variant))
        await until(
            lambda: connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE NOT granted"
                " AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
        )
        assert not processing.done()
        await connection.execute(
            "INSERT INTO order_items (order_id, product, price, quantity)"
            " VALUES ($1, 'late', 1, 1)",
            order,
        )
    return await processing


async def test_after_locks_the_order_before_it_reads_the_items(
    service: Service, order: int, connection: asyncpg.Connection
) -> None:
    answer = await add_an_item_while_processing_waits(
        service, order, connection, "/after"
    )

    assert answer["total"] == "51.10"


async def test_before_reads_the_items_without_a_lock_and_misses_one(
    service: Service, order: int, connection: asyncpg.Connection
) -> None:
    answer = await add_an_item_while_processing_waits(
        service, order, connection, "/before"
    )

    assert answer["total"] == "50.10"


async def test_other_orders_do_not_wait(
    production: Service, order: int, connection: asyncpg.Connection
) -> None:
    async with connection.transaction():
        await connection.execute(
            "SELECT FROM orders WHERE id = $1 FOR UPDATE", order
        )

        await process(production, 1)
