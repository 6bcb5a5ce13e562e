"""After a reset every request is served, and no connection is held."""

import asyncio
import gc
import time

import asyncpg
import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.app.web.test_metrics import scrape
from tests.conftest import Service, until

# A reset forces a collection, and SQLAlchemy warns of what it finds.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up"
)

LEAKS = {
    "engine": "/before/orders?limit=1",
    "asyncpg": "/before/analytics?since=2999-01-01",
}


@pytest.fixture
async def exhausted(service: Service) -> Service:
    """The service, after *before* has exhausted both its pools."""
    for pool, leak in LEAKS.items():
        gauge = service.database.ledger.books[pool].gauge
        while gauge.checked_out() < (gauge.capacity() or 0):
            await service.client.get(leak)
    await service.at_rest()
    return service


async def test_reports_how_many_loans_it_freed(exhausted: Service) -> None:
    answer = await exhausted.client.post("/lab/reset")

    assert answer.json()["loans_freed"] == 10


async def test_no_connection_is_checked_out(exhausted: Service) -> None:
    await exhausted.client.post("/lab/reset")

    assert exhausted.loans == []
    for book in exhausted.database.ledger.books.values():
        assert book.gauge.checked_out() == 0


async def test_the_backends_of_the_leaks_are_gone(exhausted: Service) -> None:
    pids = [loan.pid for loan in exhausted.loans]
    assert len(pids) == 10

    await exhausted.client.post("/lab/reset")

    connection = await asyncpg.connect(exhausted.database.settings.dsn)
    await until(
        lambda: connection.fetchval(
            "SELECT NOT EXISTS"
            " (SELECT FROM pg_stat_activity WHERE pid = ANY($1))",
            pids,
        )
    )
    await connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/readyz",
        "/after/orders",
        "/before/orders",
        "/after/orders/1",
        "/after/analytics?since=2999-01-01",
        "/before/analytics?since=2999-01-01",
    ],
)
async def test_every_route_is_served_again(
    exhausted: Service, path: str
) -> None:
    await exhausted.client.post("/lab/reset")

    answer = await exhausted.client.get(path)

    assert answer.status_code == 200


async def test_sets_every_flag_to_after(exhausted: Service) -> None:
    await exhausted.client.put("/lab/flags/orders", json={"variant": "before"})

    await exhausted.client.post("/lab/reset")

    flags = (await exhausted.client.get("/lab/flags")).json()
    assert {flag["defaultVariant"] for flag in flags.values()} == {"after"}


async def test_leaves_a_connection_in_use_alone(
    service: Service,
) -> None:
    await service.client.get("/before/orders")
    async with service.database.engine.connect() as connection:
        await service.client.post("/lab/reset")

        await connection.exec_driver_sql("SELECT 'still open'")


async def test_leaves_no_connection_that_no_pool_knows(
    service: Service,
) -> None:
    await service.client.get("/before/orders")
    async with service.database.engine.connect() as in_use:
        await in_use.exec_driver_sql("SELECT 1")
        await service.client.post("/lab/reset")
    await service.client.get("/after/orders")

    found = (await service.client.get("/lab/backends")).json()

    assert found["backends"] == found["pooled"]


async def test_frees_a_session_that_a_variable_keeps(service: Service) -> None:
    with service.database.ledger.borrower("a job that keeps its session"):
        kept = AsyncSession(service.database.engine)
        await kept.connection()
    [leak] = service.loans

    answer = await service.client.post("/lab/reset")

    assert answer.json()["loans_freed"] == 1
    assert leak not in service.loans
    assert service.database.ledger.books["engine"].gauge.checked_out() == 0
    assert kept.in_transaction()


async def test_succeeds_where_nothing_was_leaked(service: Service) -> None:
    await service.client.post("/lab/reset")  # other tests processed orders
    answer = await service.client.post("/lab/reset")

    assert answer.json() == {
        "loans_freed": 0,
        "loans_left": 0,
        "freed_by_pool": {},
        "backends_ended": 0,
        "backends_left": 0,
        "flags_changed": [],
        "orders_reset": 0,
        "still_running": 0,
    }


async def test_a_waiting_request_gets_a_freed_connection(
    exhausted: Service,
) -> None:
    book = exhausted.database.ledger.books["asyncpg"]
    waiting = asyncio.create_task(
        exhausted.client.get("/after/analytics?since=2999-01-01")
    )
    await until(lambda: book.waiting == 1)

    await exhausted.client.post("/lab/reset")

    assert (await waiting).status_code == 200


async def test_reports_the_pools_and_that_the_server_ended_the_backends(
    exhausted: Service,
) -> None:
    answer = await exhausted.client.post("/lab/reset")

    done = answer.json()
    assert done["freed_by_pool"] == {"engine": 6, "asyncpg": 4}
    assert (done["backends_ended"], done["backends_left"]) == (10, 0)


async def test_frees_what_waiting_requests_leak_during_the_reset(
    exhausted: Service,
) -> None:
    """They acquire the freed connections and leak them: it frees those too."""
    book = exhausted.database.ledger.books["engine"]
    waiting = [
        asyncio.create_task(exhausted.client.get("/before/orders?limit=1"))
        for _ in range(8)
    ]
    await until(lambda: book.waiting == 8)

    answer = await exhausted.client.post("/lab/reset")

    # The forced collection may return some of these before they are counted.
    assert 10 < answer.json()["loans_freed"] <= 10 + 8
    assert exhausted.loans == []
    assert {(await each).status_code for each in waiting} == {200}


async def test_after_serves_the_next_request(service: Service) -> None:
    """A reset waits for the flags, so that no later request leaks."""
    await service.client.put("/lab/flags/orders", json={"variant": "before"})
    while not service.loans:
        await service.client.get("/orders?limit=1")

    answer = await service.client.post("/lab/reset")
    await service.client.get("/orders?limit=1")
    await service.at_rest()

    assert answer.json()["flags_changed"] == ["orders"]
    assert service.loans == []


@pytest.mark.filterwarnings("ignore:unclosed connection")
async def test_ends_connections_that_no_pool_knows(service: Service) -> None:
    await service.client.get("/before/archive/orders/1")
    await service.at_rest()
    counted = (await service.client.get("/lab/backends")).json()
    strays = counted["backends"] - counted["pooled"]
    assert strays > 0

    answer = await service.client.post("/lab/reset")

    assert answer.json()["backends_ended"] == strays
    counted = (await service.client.get("/lab/backends")).json()
    assert counted["backends"] == counted["pooled"]


async def test_releases_the_table_lock_and_the_provider(
    service: Service,
) -> None:
    await service.client.put("/lab/orders", json={"locked": True})
    await service.client.put("/lab/provider", json={"answers": False})

    await service.client.post("/lab/reset")

    async with asyncio.timeout(10):  # both would wait for 20
        assert (await service.client.get("/orders/1")).status_code == 200
        answer = await service.client.get("/after/orders/1/delivery")
        assert answer.status_code == 200


async def test_restores_the_garbage_collector_of_the_start(
    service: Service,
) -> None:
    """It was off when this service started; elsewhere it is on."""
    await service.client.put("/lab/gc", json={"enabled": True})

    await service.client.post("/lab/reset")

    assert not gc.isenabled()


async def test_marks_its_time_and_leaves_the_counters(
    exhausted: Service,
) -> None:
    before = await scrape(exhausted)
    assert before["lab_reset_timestamp_seconds"] == 0

    await exhausted.client.post("/lab/reset")

    after = await scrape(exhausted)
    assert after["lab_reset_timestamp_seconds"] > time.time() - 60
    leaks = [name for name in before if "leaks_total" in name]
    assert sum(before[name] for name in leaks) > 0
    assert all(after[name] >= before[name] for name in leaks)


async def test_counts_requests_that_are_still_running(
    service: Service,
) -> None:
    """It ends no request, and waits a moment for those of *before*."""
    async with service.database.pool.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        running = asyncio.create_task(
            service.client.get("/before/orders?limit=1")
        )
        await until(lambda: service.database.ledger.borrowers == 1)
        await until(lambda: len(service.loans) == 2)

        answer = await service.client.post("/lab/reset")

        assert answer.json()["still_running"] == 1
        assert answer.json()["orders_reset"] is None
    assert (await running).status_code == 200


async def test_makes_processed_orders_new_again(service: Service) -> None:
    await service.client.post("/lab/reset")  # other tests processed orders
    for order in (1, 2, 3):
        await service.client.post(f"/after/orders/{order}/process")

    answer = await service.client.post("/lab/reset")

    assert answer.json()["orders_reset"] == 3
    order = (await service.client.get("/after/orders/1")).json()
    assert (order["status"], order["total"]) == ("new", None)


async def test_leaves_locked_orders_as_they_are(service: Service) -> None:
    await service.client.post("/lab/reset")  # other tests processed orders
    await service.client.post("/after/orders/1/process")
    async with service.database.pool.acquire() as holder:
        async with holder.transaction():
            await holder.execute("SELECT FROM orders WHERE id = 1 FOR UPDATE")

            locked = await service.client.post("/lab/reset")
        free = await service.client.post("/lab/reset")

    assert locked.json()["orders_reset"] is None
    assert free.json()["orders_reset"] == 1
