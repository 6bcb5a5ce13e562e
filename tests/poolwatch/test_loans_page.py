"""`/poolwatch/loans`, as the service mounts it."""

import asyncio

import psycopg
import pytest

from poolwatch.pages.process import ThisProcess
from tests.conftest import Service, until
from tests.poolwatch.pages import (
    TRACE,
    exhaust,
    leak,
    loans,
    verdict,
)


async def test_a_loan_names_its_borrower(service: Service) -> None:
    await leak(service, **{"X-Request-ID": "r-1", "traceparent": TRACE})

    [loan] = (await loans(service))["loans"]
    assert loan["pool"] == "engine"
    assert loan["borrower"] == "GET /before/orders/{order_id}"
    assert loan["route"] == "/before/orders/{order_id}"
    assert loan["request_id"] == "r-1"
    assert loan["traceparent"] == TRACE


async def test_a_loan_names_its_line(service: Service) -> None:
    await leak(service)

    [loan] = (await loans(service))["loans"]
    assert loan["site"].startswith("app/orders/before.py:")
    assert loan["stack"][0] == loan["site"]


async def test_a_loan_has_its_backend_and_its_age(service: Service) -> None:
    await leak(service)
    [lent] = service.loans

    [loan] = (await loans(service))["loans"]
    assert loan["pid"] == lent.pid
    assert 0 < loan["age_seconds"] <= lent.age


async def test_a_loan_is_open_while_its_borrower_lives(
    service: Service,
) -> None:
    async with service.database.pool.acquire():
        [loan] = (await loans(service))["loans"]

    assert loan["state"] == "open"


async def test_a_loan_that_is_open_for_long_is_overdue(
    service: Service,
) -> None:
    async with service.database.pool.acquire():
        [lent] = service.loans
        lent.since -= 31
        await until(lambda: lent.overdue)

        [loan] = (await loans(service))["loans"]

    assert loan["state"] == "overdue"


async def test_a_loan_that_outlives_its_borrower_is_leaked(
    service: Service,
) -> None:
    await leak(service)

    [loan] = (await loans(service))["loans"]
    assert loan["state"] == "leaked"


async def test_says_what_the_server_knows_of_a_loan(service: Service) -> None:
    await leak(service)

    [loan] = (await loans(service))["loans"]
    activity = loan["activity"]
    assert activity["state"] == "idle in transaction"
    assert "FROM orders" in activity["query"]
    assert activity["transaction_seconds"] > 0
    assert activity["wait_event"] == "ClientRead"


async def test_says_whom_a_loan_blocks(
    service: Service, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as blocked:
        pid = blocked.info.backend_pid
        async with service.database.pool.acquire() as connection:
            async with connection.transaction():
                await connection.execute(
                    "SELECT FROM orders WHERE id = 1 FOR UPDATE"
                )
                waiting = asyncio.to_thread(
                    blocked.execute,
                    "SELECT FROM orders WHERE id = 1 FOR UPDATE",
                )
                task = asyncio.create_task(waiting)
                blocks: list[int] = []
                async with asyncio.timeout(10):
                    while not blocks:
                        [loan] = (await loans(service))["loans"]
                        blocks = loan["activity"]["blocks"]
            await task

    assert blocks == [pid]


async def test_sums_each_pool_up(service: Service) -> None:
    await leak(service)

    engine, pool, _ = (await loans(service))["pools"]
    assert (engine["name"], pool["name"]) == ("engine", "asyncpg")
    assert (engine["lent"], engine["capacity"], engine["leaks"]) == (1, 6, 1)
    assert (pool["lent"], pool["capacity"], pool["idle"]) == (0, 4, 2)


async def test_counts_who_waits(service: Service) -> None:
    await exhaust(service)
    waiting = asyncio.create_task(service.client.get("/after/orders/1"))
    await until(lambda: service.database.ledger.books["engine"].waiting == 1)

    engine, *_ = (await loans(service))["pools"]
    waiting.cancel()
    assert engine["waiting"] == 1


async def test_a_pool_that_leaks_dry_is_called_a_leak(
    service: Service,
) -> None:
    await exhaust(service)

    found = await verdict(service)
    assert found["cause"] == "leak"
    assert "app/orders/before.py:" in found["because"]
    assert found["cure"]


async def test_a_pool_whose_holders_wait_for_a_lock_is_called_that(
    service: Service,
) -> None:
    pool = service.database.pool
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM orders WHERE id = 1 FOR UPDATE")

        async def wait_for_it() -> None:
            async with pool.acquire() as connection:
                await connection.execute(
                    "SELECT FROM orders WHERE id = 1 FOR UPDATE"
                )

        waiting = [asyncio.create_task(wait_for_it()) for _ in range(3)]
        async with asyncio.timeout(10):
            while (found := await verdict(service, "asyncpg")) is None or (
                found["cause"] != "lock wait"
            ):
                pass
    await asyncio.gather(*waiting)


async def test_nobody_waits_and_there_is_no_verdict(service: Service) -> None:
    async def is_well() -> bool:
        return await verdict(service) is None

    await until(is_well)  # the event loop of a busy machine may be late


async def test_does_not_count_the_asking_request(service: Service) -> None:
    [process] = (await loans(service))["processes"]
    assert process["borrowers"] == 0


async def test_shows_the_loans_alone_while_the_database_is_away(
    service: Service,
) -> None:
    await leak(service)
    monitor = service.database.monitor
    await monitor.close()
    monitor._dsn = "postgresql://127.0.0.1:1/nowhere"

    page = await loans(service)

    [loan], [process] = page["loans"], page["processes"]
    assert loan["activity"] is None
    assert process["note"] == (
        "pg_stat_activity cannot be read: ConnectionRefusedError"
    )


async def test_loans_and_borrowers_are_of_one_moment(service: Service) -> None:
    ledger, asked = service.database.ledger, asyncio.Event()

    async def job() -> None:
        with ledger.borrower("a job"):
            async with service.database.pool.acquire():
                await asked.wait()

    working = asyncio.create_task(job())
    await until(lambda: service.loans)

    async def fetch(*_: object) -> list[dict[str, object]]:
        asked.set()
        await working
        return []

    page = await ThisProcess(ledger, fetch=fetch).loans()

    assert not ledger.borrowers
    assert len(page.loans) == page.processes[0].borrowers == 1


async def test_shows_the_loans_alone_where_nobody_gave_a_fetch(
    service: Service,
) -> None:
    source = ThisProcess(service.database.ledger, reporter=None)  # type: ignore[arg-type]
    await leak(service)

    page = await source.loans()

    [loan], [process] = page.loans, page.processes
    assert loan.activity is None
    assert process.note == "pg_stat_activity is not read: no `fetch` was given"


async def test_the_503s_log_line_has_the_verdict(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await exhaust(service)
    service.database.engine.pool._timeout = 0.1  # type: ignore[attr-defined]

    await service.client.get("/after/orders/1")

    [said] = [r.getMessage() for r in caplog.records if "503" in r.message]
    assert "; leak: 6 of 6 loans outlived their borrower" in said
