"""The service as it is, behind a real PgBouncer in transaction mode."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import psycopg
import pytest

from app import api
from app.database.connect import pool_arguments
from app.lesson import Scenario
from app.settings import Settings
from tests.process.bouncer import Bouncer
from tests.process.command import (
    Service,
    run,
    serving,
    wait_until,
)

pytestmark = pytest.mark.slow

TIMES = 20
"""Each scenario is sent so often in a row: psycopg prepares what it meets a
sixth time on one connection, with no rollback between."""


@pytest.fixture(scope="module", params=["asyncpg", "psycopg"])
def service(
    request: pytest.FixtureRequest, bouncer: Bouncer, database_url: str
) -> Iterator[Service]:
    """The service as it is without PgBouncer, but for two settings.

    Its pools are small, so that each connection is used again and again.
    """
    with serving(
        DATABASE_URL=bouncer.url(database_url, request.param),
        DATABASE_DIRECT_URL=database_url,
        POOL_WORKERS="1",
        POOL_BUFFER="1",
        LAB_ENABLED="true",
    ) as service:
        yield service


def test_every_lessons_after_answers_as_its_card_says(
    service: Service, bouncer: Bouncer, database_url: str
) -> None:
    scenarios = [
        scenario
        for lesson in api.LESSONS
        for scenario in lesson.scenarios
        if scenario.method != "WEBSOCKET"
    ]

    async def send(client: httpx.AsyncClient, scenario: Scenario) -> str:
        answer = await client.request(
            scenario.method, f"/after{scenario.path}", json=scenario.body
        )
        wanted = answer.status_code == scenario.status
        return "" if wanted else f"{scenario.name}: {answer.text}"

    async def send_all() -> Counter[str]:
        answers: Counter[str] = Counter()
        async with httpx.AsyncClient(
            base_url=service.url,
            timeout=30,
            # The server closes what was idle for 5 s, perhaps just then.
            limits=httpx.Limits(max_keepalive_connections=0),
        ) as client:
            for scenario in scenarios:
                # Many at once, so that a statement often meets another
                # connection to the server than the one before it.
                answers.update(
                    await asyncio.gather(
                        *(send(client, scenario) for _ in range(TIMES))
                    )
                )
        return answers

    assert asyncio.run(send_all()) == {"": TIMES * len(scenarios)}

    wait_until(lambda: bouncer.in_use(database_url) == (0, 0))
    assert bouncer.pool(database_url)["sv_idle"] > 1
    assert "ERROR" not in service.told


def test_what_is_written_is_read_back(service: Service) -> None:
    with httpx.Client(base_url=service.url) as client:
        order: dict[str, Any] = {
            "customer": "B. Ouncer",
            "items": [{"product": "cup", "price": "2.50", "quantity": 3}],
        }
        stored = client.post("/orders", json=order).raise_for_status().json()
        path = f"/orders/{stored['id']}"
        processed = client.post(f"{path}/process").raise_for_status().json()

        read = client.get(path).raise_for_status().json()

    assert processed["total"] == read["total"] == "7.50"
    assert read["customer"] == "B. Ouncer"
    assert read["status"] == "processed"


def test_every_server_connection_keeps_its_statement_timeout(
    bouncer: Bouncer, database_url: str
) -> None:
    settings = Settings(
        database_url=bouncer.url(database_url),
        database_direct_url=database_url,
    )

    async def timeouts() -> set[str]:
        async with asyncpg.create_pool(
            settings.dsn,
            min_size=5,
            max_size=5,
            **pool_arguments(settings, "test"),
        ) as pool:
            for _ in range(20):  # lent and given back: what would reset it
                await pool.fetchval("SELECT 1")
            held = [await pool.acquire() for _ in range(5)]
            for connection in held:  # a transaction each: five connections
                await connection.execute("BEGIN")
            shown = {
                await connection.fetchval("SHOW statement_timeout")
                for connection in held
            }
            for connection in held:
                await pool.release(connection)
            return shown

    assert asyncio.run(timeouts()) == {"30s"}


def test_migrations_and_the_data_go_to_the_server_itself(
    database_url: str,
) -> None:
    away = "postgresql://shop@127.0.0.1:9/shop"

    for command in ("migrate", "seed"):
        done = run(
            command, DATABASE_URL=away, DATABASE_DIRECT_URL=database_url
        )
        assert done.returncode == 0, done.stderr


def test_pgbouncer_refuses_what_the_service_sends_to_a_server(
    bouncer: Bouncer, database_url: str
) -> None:
    """Why the service has to be told."""
    with pytest.raises(
        psycopg.OperationalError, match="unsupported startup parameter"
    ):
        psycopg.connect(
            bouncer.url(database_url).replace("+asyncpg", ""),
            options="-c statement_timeout=30000",
        )
