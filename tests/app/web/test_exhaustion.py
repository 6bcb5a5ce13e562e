"""A pool that *before* has exhausted starves *after*, and nothing else."""

import asyncio
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from app.database.monitor import Monitor
from app.settings import Settings
from app.web.health import PATIENCE
from tests.conftest import Service, until


@dataclass(frozen=True, slots=True)
class Victim:
    """One of the two pools: what exhausts it, and what starves then."""

    pool: str
    leak: str
    fixed: str


ENGINE = Victim("engine", "/before/orders?limit=1", "/after/orders?limit=1")
ASYNCPG = Victim(
    "asyncpg",
    "/before/analytics?since=2999-01-01",
    "/after/analytics?since=2999-01-01",
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A short pool timeout, in which a busy machine can still connect."""
    return settings.model_copy(update={"pool_timeout": 1})


@pytest.fixture(params=[ENGINE, ASYNCPG], ids=lambda victim: victim.pool)
def victim(request: pytest.FixtureRequest) -> Victim:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def exhausted(service: Service, victim: Victim) -> Service:
    """The service, after so many leaks as the pool has connections."""
    book = service.database.ledger.books[victim.pool]
    for _ in range(book.gauge.capacity() or 0):
        answer = await service.client.get(victim.leak)
        assert answer.status_code == 200
    await service.at_rest()
    return service


async def test_the_fixed_route_answers_503_and_when_to_retry(
    exhausted: Service, victim: Victim
) -> None:
    answer = await exhausted.client.get(victim.fixed)

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json() == {
        "type": "about:blank",
        "title": "Connection pool exhausted",
        "status": 503,
        "detail": f"No connection of the {victim.pool} pool came free"
        " in time.",
    }


async def test_the_log_names_the_line_that_holds_the_pool(
    exhausted: Service, victim: Victim, caplog: pytest.LogCaptureFixture
) -> None:
    await exhausted.client.get(victim.fixed)

    [said] = [r.getMessage() for r in caplog.records if "503" in r.message]
    capacity = exhausted.database.ledger.books[victim.pool].gauge.capacity()
    assert f"{capacity} of {capacity} checked out" in said
    assert "before.py:" in said


@pytest.mark.parametrize(
    "path", ["/healthz", "/metrics", "/openapi.json", "/lab/flags"]
)
async def test_what_must_survive_the_fault_answers(
    exhausted: Service, path: str
) -> None:
    answer = await exhausted.client.get(path)

    assert answer.status_code == 200


async def test_a_flag_can_be_turned_back(exhausted: Service) -> None:
    answer = await exhausted.client.put(
        "/lab/flags/orders", json={"variant": "after"}
    )

    assert answer.json() == {"variant": "after"}


async def test_is_not_ready(exhausted: Service, victim: Victim) -> None:
    answer = await exhausted.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == f"The {victim.pool} pool is exhausted."


def test_readiness_is_decided_within_a_second() -> None:
    assert PATIENCE + Monitor.TIMEOUT < 1


async def test_the_log_tells_a_queue_at_a_lock_from_a_small_pool(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    book = service.database.ledger.books["engine"]
    process = service.client.post
    async with service.database.engine.connect() as holder:
        await holder.execute(
            text("SELECT FROM orders WHERE id = 3 FOR UPDATE")
        )
        waiters = (book.gauge.capacity() or 0) - 1
        async with asyncio.TaskGroup() as group:
            for _ in range(waiters):
                group.create_task(process("/after/orders/3/process"))
            await until(lambda: book.full)
            await until(lambda: blocked_backends(service, waiters))

            answer = await service.client.get("/after/orders/4")
            await holder.rollback()

    assert answer.status_code == 503
    [said] = [r.getMessage() for r in caplog.records if "503" in r.message]
    assert "lock wait: " in said


async def blocked_backends(service: Service, count: int) -> bool:
    rows = await service.database.monitor.fetch(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND starts_with(application_name, $1)",
        service.database.settings.application_name,
    )
    return len(rows) == count
