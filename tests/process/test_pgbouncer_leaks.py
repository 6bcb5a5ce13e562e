"""Where a leak shows behind PgBouncer: what docs/pgbouncer.md tells.

The configuration is the one of ops/pgbouncer: 20 connections to the server
for all replicas together.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.documentation.blocks import block_with
from tests.documentation.shown import ANYTHING, difference
from tests.process.bouncer import Bouncer
from tests.process.command import (
    A_MINUTE,
    ROOT,
    Service,
    serving,
    wait_until,
)

TOKEN = "the lab's token"
SERVER_CONNECTIONS = 20
"""`default_pool_size` of ops/pgbouncer/pgbouncer.ini."""
NO_DATA_YET = "/analytics?since=2999-01-01"


def client_of(service: Service) -> httpx.Client:
    return httpx.Client(
        base_url=service.url,
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=20,
    )


@pytest.fixture(scope="module")
def replicas(
    bouncer: Bouncer,
    database_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A service that will leak, and one that will not, behind one pooler."""
    with ExitStack() as stack:

        def start(name: str) -> httpx.Client:
            own = tmp_path_factory.mktemp(name)  # a reset writes the flags
            service = stack.enter_context(
                serving(
                    DATABASE_URL=bouncer.url(database_url),
                    DATABASE_DIRECT_URL=database_url,
                    REPLICA=name,
                    POOL_TIMEOUT="1",
                    LAB_ENABLED="true",
                    LAB_TOKEN=TOKEN,
                    FLAGS_FILE=str(shutil.copy(ROOT / "flags.json", own)),
                )
            )
            return stack.enter_context(client_of(service))

        leaky = start("leaky")
        reset(leaky)
        yield leaky, start("healthy")


def reset(leaky: httpx.Client) -> dict[str, Any]:
    """Free what is leaked, and let no collection heal what is to be shown."""
    freed: dict[str, Any] = leaky.post("/lab/reset").raise_for_status().json()
    leaky.put("/lab/gc", json={"enabled": False}).raise_for_status()
    return freed


@pytest.mark.slow
def test_the_table_of_loans_is_as_the_page_shows_it(
    replicas: tuple[httpx.Client, httpx.Client],
) -> None:
    """The first test of this file, as the page shows a new process."""
    leaky, _ = replicas
    for _ in range(SERVER_CONNECTIONS):
        leaky.get("/before/orders")

    page = leaky.get("/poolwatch/loans", headers={"Accept": "text/plain"})
    reset(leaky)

    shown = block_with("docs/pgbouncer.md", "replica leaky").source
    assert not difference([*shown.splitlines(), ANYTHING], page.text)


@pytest.mark.slow
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

    assert bouncer.in_use(database_url) == (SERVER_CONNECTIONS, 0)
    assert lent(leaky, "engine") == (SERVER_CONNECTIONS, 30)  # room for ten
    with ThreadPoolExecutor() as thread:
        waiting = thread.submit(healthy.get, "/orders?limit=1")
        wait_until(lambda: bouncer.in_use(database_url)[1] == 1)
        assert lent(healthy, "engine")[0] == 1  # no request waits for a pool
        assert healthy.get("/readyz").status_code == 503

        freed = reset(leaky)

        assert waiting.result(A_MINUTE).status_code == 200
    assert freed["loans_freed"] == SERVER_CONNECTIONS
    assert healthy.get("/readyz").status_code == 200
    assert leaky.get("/readyz").status_code == 200
    wait_until(lambda: bouncer.in_use(database_url) == (0, 0))


def lent(replica: httpx.Client, name: str) -> tuple[int, int]:
    """What this pool has lent, and what it may lend."""
    pools = replica.get("/poolwatch/loans").raise_for_status().json()["pools"]
    [pool] = [pool for pool in pools if pool["name"] == name]
    return pool["lent"], pool["capacity"]


@pytest.mark.slow
def test_connections_without_a_transaction_exhaust_their_own_pool_alone(
    replicas: tuple[httpx.Client, httpx.Client],
    bouncer: Bouncer,
    database_url: str,
) -> None:
    leaky, healthy = replicas
    for _ in range(20):
        leaky.get(f"/before{NO_DATA_YET}").raise_for_status()

    assert lent(leaky, "asyncpg") == (20, 20)
    assert bouncer.in_use(database_url) == (0, 0)
    assert leaky.get(f"/after{NO_DATA_YET}").status_code == 503
    assert healthy.get(f"/after{NO_DATA_YET}").status_code == 200
    assert leaky.get("/orders").status_code == 200

    freed = reset(leaky)

    assert freed["loans_freed"] == 20
    assert freed["backends_ended"] is None  # PgBouncer's own, not the pool's
    assert leaky.get(f"/after{NO_DATA_YET}").status_code == 200


@pytest.mark.slow
def test_poolwatch_shows_no_backend_that_is_not_the_servers(
    replicas: tuple[httpx.Client, httpx.Client],
) -> None:
    leaky, _ = replicas
    leaky.get("/before/orders").raise_for_status()

    page = leaky.get("/poolwatch/loans").json()
    reset(leaky)

    [loan] = page["loans"]
    assert loan["pid"] is None
    assert loan["activity"] is None
    assert loan["site"].startswith("app/orders/before.py:")
    [process] = page["processes"]
    assert "a pooler hides backends" in process["note"]


@pytest.mark.slow
def test_the_collector_heals_there_what_it_heals_elsewhere(
    replicas: tuple[httpx.Client, httpx.Client],
    bouncer: Bouncer,
    database_url: str,
) -> None:
    leaky, _ = replicas
    leaky.get("/before/orders").raise_for_status()
    assert bouncer.in_use(database_url) == (1, 0)

    collected = leaky.post("/lab/gc").raise_for_status().json()

    assert collected["loans_returned"] == 1
    wait_until(lambda: bouncer.in_use(database_url) == (0, 0))


@pytest.mark.slow
def test_the_lab_locks_the_orders_past_pgbouncer(
    replicas: tuple[httpx.Client, httpx.Client],
) -> None:
    leaky, _ = replicas

    for locked in (True, False):
        answer = leaky.put("/lab/orders", json={"locked": locked})

        assert answer.status_code == 200, answer.text


@pytest.mark.slow
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
        assert bouncer.in_use(database_url) == (3, 0)

        service.sigterm()
        service.exit_code(A_MINUTE)

    wait_until(lambda: bouncer.in_use(database_url) == (0, 0))
