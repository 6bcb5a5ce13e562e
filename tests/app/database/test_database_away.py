"""While the database is away the service says so, and gives nothing away.

One server and one service do for the whole file: the server stops before the
first test, when both pools hold connections to it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio

from app.api import SERVICE
from app.lesson import Scenario, Variant
from app.settings import Settings
from lab.embedded import embedded_postgres
from tests.conftest import TOKEN, Service, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["asyncpg", "psycopg"]
)
async def stranded(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """A service whose server has stopped under it."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="postgres-"))
        with embedded_postgres(Path(folder, "data")) as url:
            settings = Settings(
                database_url=url.replace("sql:", f"sql+{request.param}:"),
                lab_enabled=True,
                lab_token=TOKEN,
                close_timeout=0.05,
            )
            service = await stack.enter_async_context(running(settings))
            async with service.database.engine.connect():
                await service.client.get("/metrics")
        yield service


@pytest.mark.parametrize("variant", ["before", "after"])
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(scenario, id=f"{lesson.name}: {scenario.name}")
        for lesson in SERVICE
        for scenario in lesson.scenarios
        if scenario.name != "bad input"
    ],
)
async def test_what_needs_the_database_answers_503(
    stranded: Service, scenario: Scenario, variant: Variant
) -> None:
    answer = await stranded.send(scenario, variant)

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json() == {
        "type": "about:blank",
        "title": "Database unavailable",
        "status": 503,
        "detail": "The database cannot answer now.",
    }


async def test_bad_input_is_still_the_callers_fault(stranded: Service) -> None:
    answer = await stranded.client.get("/orders?limit=0")

    assert answer.status_code == 422


async def test_is_alive_and_not_ready(stranded: Service) -> None:
    alive = await stranded.client.get("/healthz")
    ready = await stranded.client.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 503)


async def test_metrics_say_that_it_is_down_and_know_no_states(
    stranded: Service,
) -> None:
    metrics = await stranded.client.get("/metrics")

    assert metrics.status_code == 200
    assert "\ndb_up 0.0\n" in metrics.text
    assert "db_connections_active{" not in metrics.text


async def test_a_database_that_is_away_is_not_a_pool_timeout(
    stranded: Service,
) -> None:
    metrics = await stranded.client.get("/metrics")

    for pool in ("engine", "asyncpg"):
        label = f'{{db_client_connection_pool_name="{pool}"}}'
        timeouts = f"db_client_connection_timeouts_total{label} 0.0\n"
        assert timeouts in metrics.text


async def test_nothing_that_after_tried_in_vain_is_lent(
    stranded: Service,
) -> None:
    for lesson in SERVICE:
        for scenario in lesson.scenarios:
            await stranded.send(scenario, "after")

    assert not stranded.loans


async def test_the_log_says_which_request_failed(
    stranded: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await stranded.client.get("/orders")

    assert "503 /orders" in caplog.text
