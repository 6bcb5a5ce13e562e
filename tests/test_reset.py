"""After a reset everything answers again, and nothing is lent."""

import asyncio
import gc
import time

import asyncpg
import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.conftest import Service, until
from tests.test_metrics import scrape

# A reset forces the collector, which complains of what it finds.
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


async def test_says_how_many_loans_it_has_freed(exhausted: Service) -> None:
    answer = await exhausted.client.post("/lab/reset")

    assert answer.json()["loans_freed"] == 10


async def test_nothing_is_lent_any_more(exhausted: Service) -> None:
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
async def test_everything_answers_again(exhausted: Service, path: str) -> None:
    await exhausted.client.post("/lab/reset")

    answer = await exhausted.client.get(path)

    assert answer.status_code == 200


async def test_sets_every_flag_to_after(exhausted: Service) -> None:
    await exhausted.client.put("/lab/flags/orders", json={"variant": "before"})

    await exhausted.client.post("/lab/reset")

    flags = (await exhausted.client.get("/lab/flags")).json()
    assert {flag["defaultVariant"] for flag in flags.values()} == {"after"}


async def test_spares_what_is_lent_to_a_request_at_work(
    service: Service,
) -> None:
    await service.client.get("/before/orders")
    async with service.database.engine.connect() as connection:
        await service.client.post("/lab/reset")

        await connection.exec_driver_sql("SELECT 'still there'")


async def test_leaves_no_connection_that_no_pool_knows(
    service: Service,
) -> None:
    await service.client.get("/before/orders")
    async with service.database.engine.connect() as at_work:
        await at_work.exec_driver_sql("SELECT 1")
        await service.client.post("/lab/reset")
    await service.client.get("/after/orders")

    found = (await service.client.get("/lab/backends")).json()

    assert found["backends"] == found["pooled"]


async def test_frees_a_session_that_somebody_keeps(service: Service) -> None:
    with service.database.ledger.borrower("a job that keeps its session"):
        kept = AsyncSession(service.database.engine)
        await kept.connection()
    [leak] = service.loans

    answer = await service.client.post("/lab/reset")

    assert answer.json()["loans_freed"] == 1
    assert leak not in service.loans
    assert service.database.ledger.books["engine"].gauge.checked_out() == 0
    assert kept.in_transaction()


async def test_needs_nothing_to_free(service: Service) -> None:
    answer = await service.client.post("/lab/reset")

    assert answer.json() == {
        "loans_freed": 0,
        "loans_left": 0,
        "freed_by_pool": {},
        "backends_ended": 0,
        "backends_left": 0,
        "flags_changed": [],
        "still_at_work": 0,
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


async def test_says_from_which_pool_and_that_the_server_ended_them(
    exhausted: Service,
) -> None:
    answer = await exhausted.client.post("/lab/reset")

    done = answer.json()
    assert done["freed_by_pool"] == {"engine": 6, "asyncpg": 4}
    assert (done["backends_ended"], done["backends_left"]) == (10, 0)


async def test_frees_what_those_leak_who_had_waited(
    exhausted: Service,
) -> None:
    """They get the freed connections, and leak them: it goes on till none."""
    book = exhausted.database.ledger.books["engine"]
    waiting = [
        asyncio.create_task(exhausted.client.get("/before/orders?limit=1"))
        for _ in range(8)
    ]
    await until(lambda: book.waiting == 8)

    answer = await exhausted.client.post("/lab/reset")

    # Of theirs the collector, which a reset forces, may find some first.
    assert 10 < answer.json()["loans_freed"] <= 10 + 8
    assert exhausted.loans == []
    assert {(await each).status_code for each in waiting} == {200}


async def test_the_next_request_is_answered_by_after(service: Service) -> None:
    """The flags are waited for, so that nothing leaks behind the reset."""
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


async def test_lets_go_of_the_orders_and_of_the_provider(
    service: Service,
) -> None:
    await service.client.put("/lab/orders", json={"locked": True})
    await service.client.put("/lab/provider", json={"answers": False})

    await service.client.post("/lab/reset")

    async with asyncio.timeout(10):  # the lock and the silence last for 20
        assert (await service.client.get("/orders/1")).status_code == 200
        answer = await service.client.get("/after/orders/1/delivery")
        assert answer.status_code == 200


async def test_leaves_the_collector_as_it_found_it_at_the_start(
    service: Service,
) -> None:
    """It was off when this service began; elsewhere it is on."""
    await service.client.put("/lab/gc", json={"enabled": True})

    await service.client.post("/lab/reset")

    assert not gc.isenabled()


async def test_marks_the_new_zero_and_counts_on(exhausted: Service) -> None:
    before = await scrape(exhausted)
    assert before["lab_reset_timestamp_seconds"] == 0

    await exhausted.client.post("/lab/reset")

    after = await scrape(exhausted)
    assert after["lab_reset_timestamp_seconds"] > time.time() - 60
    leaks = [name for name in before if "leaks_total" in name]
    assert sum(before[name] for name in leaks) > 0
    assert all(after[name] >= before[name] for name in leaks)


async def test_says_who_is_still_at_work(service: Service) -> None:
    """It ends nobody's request, and waits a moment for those of *before*."""
    async with service.database.pool.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        at_work = asyncio.create_task(
            service.client.get("/before/orders?limit=1")
        )
        await until(lambda: service.database.ledger.borrowers == 1)
        await until(lambda: len(service.loans) == 2)

        answer = await service.client.post("/lab/reset")

        assert answer.json()["still_at_work"] == 1
    assert (await at_work).status_code == 200
