"""`/poolwatch/loans` and `/poolwatch/leaks`, as the service mounts them."""

import asyncio
from typing import Any

import psycopg
import pytest

from poolwatch import tables
from poolwatch.process import ThisProcess
from tests.conftest import Service, until

TEXT = {"Accept": "text/plain"}
LEAK = "/before/orders/1"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def loans(service: Service) -> dict[str, Any]:
    answer = await service.client.get("/poolwatch/loans")
    return answer.raise_for_status().json()  # type: ignore[no-any-return]


async def leaks(service: Service) -> dict[str, Any]:
    answer = await service.client.get("/poolwatch/leaks")
    return answer.raise_for_status().json()  # type: ignore[no-any-return]


async def text(service: Service, page: str) -> str:
    answer = await service.client.get(f"/poolwatch/{page}", headers=TEXT)
    return answer.raise_for_status().text


async def leak(service: Service, path: str = LEAK, **headers: str) -> None:
    await service.client.get(path, headers=headers)
    await service.at_rest()


async def exhaust(service: Service) -> None:
    for _ in range(6):
        await leak(service)


async def verdict(service: Service, pool: str = "engine") -> Any:  # noqa: ANN401
    page = await loans(service)
    [found] = [row for row in page["pools"] if row["name"] == pool]
    return found["verdict"]


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

    engine, pool = (await loans(service))["pools"]
    assert (engine["name"], pool["name"]) == ("engine", "asyncpg")
    assert (engine["lent"], engine["capacity"], engine["leaks"]) == (1, 6, 1)
    assert (pool["lent"], pool["capacity"], pool["idle"]) == (0, 4, 2)


async def test_counts_who_waits(service: Service) -> None:
    await exhaust(service)
    waiting = asyncio.create_task(service.client.get("/after/orders/1"))
    await until(lambda: service.database.ledger.books["engine"].waiting == 1)

    engine, _ = (await loans(service))["pools"]
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
    assert await verdict(service) is None


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


async def test_shows_the_loans_alone_where_nobody_gave_a_fetch(
    service: Service,
) -> None:
    source = ThisProcess(service.database.ledger, reporter=None)  # type: ignore[arg-type]
    await leak(service)

    page = await source.loans()

    [loan], [process] = page.loans, page.processes
    assert loan.activity is None
    assert (
        process.note == "pg_stat_activity is not read: nobody gave a `fetch`"
    )


async def test_counts_leaks_by_their_line(service: Service) -> None:
    for _ in range(2):
        await leak(service)
    await leak(service, "/before/orders")

    counted = {
        row["borrower"]: row["leaks"]
        for row in (await leaks(service))["sites"]
    }
    assert counted == {
        "GET /before/orders/{order_id}": 2,
        "GET /before/orders": 1,
    }


async def test_shows_findings_the_newest_first(service: Service) -> None:
    await leak(service)
    await leak(service, "/before/orders")

    found = [row["finding"] for row in (await leaks(service))["findings"]]
    assert [finding["kind"] for finding in found] == ["leak", "leak"]
    assert [finding["borrower"] for finding in found] == [
        "GET /before/orders",
        "GET /before/orders/{order_id}",
    ]


@pytest.mark.parametrize("page", ["loans", "leaks"])
async def test_text_is_a_table_for_a_terminal(
    service: Service, page: str
) -> None:
    await leak(service)

    lines = (await text(service, page)).splitlines()

    # Who answers stands above the table of loans.
    assert any(line.startswith("PROCESS  POOL") for line in lines[:2])
    assert max(map(len, lines)) <= tables.WIDTH
    assert any("app/orders/before.py:" in line for line in lines)


async def test_the_table_says_why_borrowers_wait(service: Service) -> None:
    await exhaust(service)

    assert "leak: 6 of 6 loans" in await text(service, "loans")


async def test_the_table_says_what_the_server_sees(service: Service) -> None:
    await leak(service)

    assert "idle in transaction: SELECT" in await text(service, "loans")


async def test_the_table_hands_no_control_characters_on(
    service: Service,
) -> None:
    async with service.database.pool.acquire() as connection:
        await connection.execute("SELECT '\x1b[2J'")
        assert "\x1b" not in await text(service, "loans")


async def test_brackets_in_a_query_are_shown_as_they_are(
    service: Service,
) -> None:
    async with service.database.pool.acquire() as connection:
        await connection.execute("SELECT '[bold]'")
        assert "[bold]" in await text(service, "loans")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/plain; charset=utf-8, */*", "text/plain; charset=utf-8"),
    ],
)
async def test_answers_json_unless_text_is_asked_for(
    service: Service, accept: str, kind: str
) -> None:
    answer = await service.client.get(
        "/poolwatch/loans", headers={"Accept": accept}
    )

    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("page", ["loans", "leaks"])
async def test_wants_the_labs_token(service: Service, page: str) -> None:
    answer = await service.client.get(
        f"/poolwatch/{page}", headers={"Authorization": "Bearer wrong"}
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("page", ["loans", "leaks"])
async def test_is_not_there_where_the_lab_is_off(
    production: Service, page: str
) -> None:
    answer = await production.client.get(f"/poolwatch/{page}")

    assert answer.status_code == 404


@pytest.mark.parametrize("page", ["loans", "leaks"])
async def test_the_document_has_both_forms(
    service: Service, page: str
) -> None:
    document = (await service.client.get("/openapi.json")).json()

    content = document["paths"][f"/poolwatch/{page}"]["get"]["responses"][
        "200"
    ]["content"]
    assert content.keys() == {"application/json", "text/plain"}
    assert content["application/json"]["schema"]["$ref"].endswith(
        f"/{page.capitalize()}"
    )


async def test_the_503s_log_line_has_the_verdict(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await exhaust(service)
    service.database.engine.pool._timeout = 0.1  # type: ignore[attr-defined]

    await service.client.get("/after/orders/1")

    [said] = [r.getMessage() for r in caplog.records if "503" in r.message]
    assert "; leak: 6 of 6 loans outlived their borrower" in said
