"""The service behind a real PgBouncer in transaction mode.

The configuration is the one of ops/pgbouncer: 20 connections to the server
for all replicas together.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import asyncpg
import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from app import api
from app.connect import pool_arguments
from app.lesson import Scenario
from app.settings import Settings
from tests.process.bouncer import Bouncer, running_bouncer
from tests.process.command import (
    TEN_SECONDS,
    Service,
    run,
    serving,
    wait_until,
)

TOKEN = "the lab's token"
SERVER_CONNECTIONS = 20
"""`default_pool_size` of ops/pgbouncer/pgbouncer.ini."""
NO_DATA_YET = "/analytics?since=2999-01-01"


@pytest.fixture(scope="module")
def bouncer(server_url: str) -> Iterator[Bouncer]:
    """One PgBouncer for all of these tests."""
    with running_bouncer(make_url(server_url)) as bouncer:
        yield bouncer


def client_of(service: Service) -> httpx.Client:
    return httpx.Client(
        base_url=service.url,
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=20,
    )


@pytest.fixture(scope="module", params=["asyncpg", "psycopg"])
def service(
    request: pytest.FixtureRequest, bouncer: Bouncer, database_url: str
) -> Iterator[Service]:
    """The service as it is without PgBouncer, but for two settings."""
    with serving(
        DATABASE_URL=bouncer.url(database_url, request.param),
        DATABASE_DIRECT_URL=database_url,
    ) as service:
        yield service


def test_every_lessons_after_answers_as_its_card_says(
    service: Service, bouncer: Bouncer, database_url: str
) -> None:
    scenarios = [
        scenario for lesson in api.LESSONS for scenario in lesson.scenarios
    ]

    async def send(client: httpx.AsyncClient, scenario: Scenario) -> str:
        answer = await client.request(
            scenario.method, f"/after{scenario.path}", json=scenario.body
        )
        wanted = answer.status_code == scenario.status
        return "" if wanted else f"{scenario.name}: {answer.text}"

    async def send_all() -> Counter[str]:
        # Many at once, so that a statement often meets another connection
        # to the server than the one before it.
        async with httpx.AsyncClient(
            base_url=service.url, timeout=30
        ) as client:
            return Counter(
                await asyncio.gather(
                    *(send(client, each) for each in scenarios * 20)
                )
            )

    assert asyncio.run(send_all()) == {"": 20 * len(scenarios)}

    wait_until(lambda: in_use(bouncer, database_url) == (0, 0))
    assert bouncer.pool(database_url)["sv_idle"] > 1
    assert "ERROR" not in service.told


def in_use(bouncer: Bouncer, database_url: str) -> tuple[int, int]:
    """Server connections that are taken, and clients that wait for one."""
    pool = bouncer.pool(database_url)
    return pool["sv_active"], pool["cl_waiting"]


def test_what_is_written_is_read_back(service: Service) -> None:
    with client_of(service) as client:
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


@pytest.fixture(scope="module")
def replicas(
    bouncer: Bouncer, database_url: str
) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A service that will leak, and one that will not, behind one pooler."""
    with ExitStack() as stack:

        def start(name: str) -> httpx.Client:
            service = stack.enter_context(
                serving(
                    DATABASE_URL=bouncer.url(database_url),
                    DATABASE_DIRECT_URL=database_url,
                    REPLICA=name,
                    POOL_TIMEOUT="1",
                    LAB_ENABLED="true",
                    LAB_TOKEN=TOKEN,
                )
            )
            return stack.enter_context(client_of(service))

        leaky = start("leaky")
        # A collection would heal what is to be shown.
        leaky.put("/lab/gc", json={"enabled": False}).raise_for_status()
        yield leaky, start("healthy")


@pytest.mark.parametrize(
    ("method", "leak", "requests"),
    [
        ("GET", "/before/orders", SERVER_CONNECTIONS),
        ("POST", "/before/orders/97/process", SERVER_CONNECTIONS // 2),
    ],
)
def test_open_transactions_exhaust_pgbouncer_for_every_replica(
    replicas: tuple[httpx.Client, httpx.Client],
    bouncer: Bouncer,
    database_url: str,
    method: str,
    leak: str,
    requests: int,
) -> None:
    leaky, healthy = replicas
    for _ in range(requests):
        leaky.request(method, leak)

    assert in_use(bouncer, database_url) == (SERVER_CONNECTIONS, 0)
    assert lent(leaky, "engine") == (SERVER_CONNECTIONS, 30)  # room for ten
    assert healthy.get("/readyz").status_code == 503
    queued = in_use(bouncer, database_url)[1]  # the probe gave up, not it
    with ThreadPoolExecutor() as thread:
        waiting = thread.submit(healthy.get, "/orders?limit=1")
        wait_until(lambda: in_use(bouncer, database_url)[1] > queued)
        assert lent(healthy, "engine")[0] == 1

        freed = leaky.post("/lab/reset").raise_for_status().json()

        assert waiting.result(TEN_SECONDS).status_code == 200
    assert freed["loans_freed"] == SERVER_CONNECTIONS
    assert healthy.get("/readyz").status_code == 200
    assert leaky.get("/readyz").status_code == 200
    wait_until(lambda: in_use(bouncer, database_url) == (0, 0))


def lent(replica: httpx.Client, name: str) -> tuple[int, int]:
    """What this pool has lent, and what it may lend."""
    pools = replica.get("/poolwatch/loans").raise_for_status().json()["pools"]
    [pool] = [pool for pool in pools if pool["name"] == name]
    return pool["lent"], pool["capacity"]


def test_connections_without_a_transaction_exhaust_their_own_pool_alone(
    replicas: tuple[httpx.Client, httpx.Client],
    bouncer: Bouncer,
    database_url: str,
) -> None:
    leaky, healthy = replicas
    for _ in range(20):
        leaky.get(f"/before{NO_DATA_YET}").raise_for_status()

    assert lent(leaky, "asyncpg") == (20, 20)
    assert in_use(bouncer, database_url) == (0, 0)
    assert leaky.get(f"/after{NO_DATA_YET}").status_code == 503
    assert healthy.get(f"/after{NO_DATA_YET}").status_code == 200
    assert leaky.get("/orders").status_code == 200

    freed = leaky.post("/lab/reset").raise_for_status().json()

    assert freed == {"loans_freed": 20, "backends_ended": 20}
    assert leaky.get(f"/after{NO_DATA_YET}").status_code == 200


def test_poolwatch_shows_no_backend_that_is_not_the_servers(
    replicas: tuple[httpx.Client, httpx.Client],
) -> None:
    leaky, _ = replicas
    leaky.get("/before/orders").raise_for_status()

    page = leaky.get("/poolwatch/loans").json()
    leaky.post("/lab/reset").raise_for_status()

    [loan] = page["loans"]
    assert loan["pid"] is None
    assert loan["activity"] is None
    assert loan["site"].startswith("app/orders/before.py:")
    [process] = page["processes"]
    assert "a pooler hides backends" in process["note"]


def test_a_leaky_service_that_ends_leaves_nothing_at_pgbouncer(
    bouncer: Bouncer, database_url: str
) -> None:
    with serving(
        DATABASE_URL=bouncer.url(database_url),
        DATABASE_DIRECT_URL=database_url,
        LAB_ENABLED="true",
        LAB_TOKEN=TOKEN,
    ) as service:
        with client_of(service) as client:
            client.put("/lab/gc", json={"enabled": False}).raise_for_status()
            for _ in range(3):
                client.get("/before/orders").raise_for_status()
        assert in_use(bouncer, database_url) == (3, 0)

        service.sigterm()
        service.exit_code(TEN_SECONDS)

    wait_until(lambda: in_use(bouncer, database_url) == (0, 0))


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
