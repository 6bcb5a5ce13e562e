"""The gauges are right at every moment, whatever the pools have been through.

The pools here are the settings' of conftest: 4 and 2 more for the engine, and
4 for asyncpg, of which 2 are open from the start.
"""

import asyncio
import gc
import time

import asyncpg
import pytest
from sqlalchemy import make_url

from app.database.monitor import STATES
from tests.conftest import (
    ScratchDatabase,
    Service,
    until,
)
from tests.garbage import ignored_warnings


async def scrape(service: Service) -> dict[str, float]:
    """All samples of one scrape by name and labels."""
    answer = await service.client.get("/metrics")
    samples = (
        line.rsplit(" ", 1)
        for line in answer.text.splitlines()
        if not line.startswith("#")
    )
    return {sample: float(value) for sample, value in samples}


async def gauges(service: Service, pool: str) -> tuple[float, ...]:
    """The write-up's four: total, active, idle, overflow."""
    samples = await scrape(service)
    return tuple(
        samples[f'db_pool_connections_{name}{{pool="{pool}"}}']
        for name in ("total", "active", "idle", "overflow")
    )


async def test_a_fresh_engine_has_nothing_open(service: Service) -> None:
    assert await gauges(service, "engine") == (4, 0, 0, 0)


async def test_a_fresh_asyncpg_pool_has_its_minimum_open(
    service: Service,
) -> None:
    assert await gauges(service, "asyncpg") == (4, 0, 2, 0)


async def test_a_loan_of_the_engine_is_active_until_it_comes_back(
    service: Service,
) -> None:
    async with service.database.engine.connect():
        assert await gauges(service, "engine") == (4, 1, 0, 0)
    assert await gauges(service, "engine") == (4, 0, 1, 0)


async def test_a_loan_of_asyncpg_is_active_until_it_comes_back(
    service: Service,
) -> None:
    async with service.database.pool.acquire():
        assert await gauges(service, "asyncpg") == (4, 1, 1, 0)
    assert await gauges(service, "asyncpg") == (4, 0, 2, 0)


async def test_overflow_is_what_is_open_beyond_the_size(
    service: Service,
) -> None:
    engine = service.database.engine
    lent = [await engine.connect() for _ in range(5)]
    assert await gauges(service, "engine") == (4, 5, 0, 1)

    for connection in lent:
        await connection.close()
    assert await gauges(service, "engine") == (4, 0, 4, 0)


async def test_what_the_collector_reclaims_is_not_active_any_more(
    service: Service,
) -> None:
    await service.client.get("/before/orders")
    assert await gauges(service, "engine") == (4, 1, 0, 0)

    with ignored_warnings():
        gc.collect()

    assert await gauges(service, "engine") == (4, 0, 0, 0)


async def test_an_engine_that_was_disposed_of_is_fresh(
    service: Service,
) -> None:
    await service.client.get("/after/orders")
    assert await gauges(service, "engine") == (4, 0, 1, 0)

    await service.database.engine.dispose()

    assert await gauges(service, "engine") == (4, 0, 0, 0)


async def test_all_six_states_are_there_though_nobody_is_in_them(
    service: Service,
) -> None:
    samples = await scrape(service)

    assert len(STATES) == 6
    for state in STATES:
        assert f'db_connections_active{{state="{state}"}}' in samples


async def test_a_leaked_session_is_idle_in_transaction_and_never_active(
    service: Service,
) -> None:
    """So the write-up's alert, on more than 80 active ones, stays silent."""
    for _ in range(5):
        await service.client.get("/before/orders/1")

    async def are_idle() -> bool:
        samples = await scrape(service)
        counted = (
            samples[f'db_connections_active{{state="{state}"}}']
            for state in ("idle in transaction", "active")
        )
        return (*counted,) == (5, 0)

    # What an earlier test has ended is active until the server knows it.
    await until(are_idle)


async def test_a_state_that_everybody_has_left_goes_back_to_zero(
    service: Service,
) -> None:
    state = 'db_connections_active{state="idle in transaction"}'
    async with service.database.engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 1")
        assert (await scrape(service))[state] == 1

    assert (await scrape(service))[state] == 0


async def test_the_oldest_transaction_ages_while_it_is_idle(
    service: Service,
) -> None:
    age = 'pg_stat_activity_max_tx_duration{state="idle in transaction"}'
    assert (await scrape(service))[age] == 0
    async with service.database.engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 1")
        first = (await scrape(service))[age]

        assert 0 < first < (await scrape(service))[age]

    assert (await scrape(service))[age] == 0


async def test_the_server_counts_connections_that_are_not_ours(
    service: Service, scratch_database: ScratchDatabase
) -> None:
    with scratch_database() as elsewhere:
        strangers = [await asyncpg.connect(elsewhere) for _ in range(3)]
        name = make_url(elsewhere).database

        samples = await scrape(service)

        counted = f'pg_stat_database_numbackends{{datname="{name}"}}'
        assert samples[counted] == len(strangers)
        for stranger in strangers:
            await stranger.close()


async def test_shows_how_many_connections_the_server_allows(
    service: Service,
) -> None:
    stranger = await asyncpg.connect(service.database.settings.dsn)
    samples = await scrape(service)

    for name in ("max_connections", "superuser_reserved_connections"):
        assert samples[f"pg_settings_{name}"] == int(
            await stranger.fetchval(f"SHOW {name}")
        )
    assert samples["pg_settings_reserved_connections"] == 0
    await stranger.close()


LINES = {"list_orders", "get_order", "get_analytics"}
"""Functions whose lines leak below."""


async def test_leaks_are_counted_and_open_ones_shown(service: Service) -> None:
    for path in ("orders", "orders/1", "analytics?since=2999-01-01"):
        await service.client.get(f"/before/{path}")
    await service.at_rest()

    samples = await scrape(service)

    assert total(samples, 'poolwatch_leaks_total{pool="engine"') == 2
    assert total(samples, 'poolwatch_leaks_total{pool="asyncpg"') == 1
    leaked = {name for name in samples if 'state="leaked"' in name}
    assert {line for name in leaked for line in LINES if line in name} == LINES
    assert samples['poolwatch_oldest_loan_seconds{pool="engine"}'] > 0


def total(samples: dict[str, float], series: str) -> float:
    """The sum of all samples whose name and labels begin so."""
    return sum(
        value for name, value in samples.items() if name.startswith(series)
    )


@pytest.mark.parametrize("pool", ["engine", "asyncpg"])
async def test_every_count_begins_at_zero(service: Service, pool: str) -> None:
    samples = await scrape(service)

    label = f'db_client_connection_pool_name="{pool}"'
    name = "db_client_connection"
    assert samples[f"{name}_wait_time_seconds_count{{{label}}}"] == 0
    assert samples[f"{name}_timeouts_total{{{label}}}"] == 0
    assert total(samples, f'poolwatch_leaks_total{{pool="{pool}"') == 0


async def test_each_wait_for_a_connection_is_observed(
    service: Service,
) -> None:
    for _ in range(3):
        await service.client.get("/after/orders")
    await service.client.get("/after/analytics?since=2999-01-01")

    samples = await scrape(service)

    waits = "db_client_connection_wait_time_seconds_count"
    pool = "db_client_connection_pool_name"
    assert samples[f'{waits}{{{pool}="engine"}}'] == 3
    assert samples[f'{waits}{{{pool}="asyncpg"}}'] == 1


async def test_a_wait_in_vain_is_counted_as_a_timeout(
    service: Service,
) -> None:
    pool = service.database.pool
    lent = [await pool.acquire() for _ in range(4)]
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await pool.acquire(timeout=0.01)

    samples = await scrape(service)

    label = '{db_client_connection_pool_name="asyncpg"}'
    assert samples[f"db_client_connection_timeouts_total{label}"] == 2
    for connection in lent:
        await pool.release(connection)


async def test_who_waits_is_pending(service: Service) -> None:
    pool = service.database.pool
    lent = [await pool.acquire() for _ in range(4)]
    request = service.client.get("/after/analytics?since=2999-01-01")
    waiting = asyncio.create_task(request)
    await until(lambda: service.database.ledger.books["asyncpg"].waiting == 1)

    samples = await scrape(service)

    label = '{db_client_connection_pool_name="asyncpg"}'
    assert samples[f"db_client_connection_pending_requests{label}"] == 1
    for connection in lent:
        await pool.release(connection)
    await waiting


async def test_requests_are_counted_by_route_and_status(
    service: Service,
) -> None:
    await service.client.get("/after/orders/1")
    await service.client.get("/after/orders/2")
    await service.client.get("/after/orders?limit=0")

    samples = await scrape(service)

    found = 'handler="/after/orders/{order_id}",method="GET",status="2xx"'
    wrong = 'handler="/after/orders",method="GET",status="4xx"'
    assert samples[f"http_requests_total{{{found}}}"] == 2
    assert samples[f"http_requests_total{{{wrong}}}"] == 1


async def test_the_event_loops_lag_is_shown(service: Service) -> None:
    lag = "poolwatch_event_loop_lag_seconds"
    assert (await scrape(service))[lag] < 2

    watchdog = service.database.watchdog
    while watchdog.lag <= 2:
        time.sleep(0.01)  # noqa: ASYNC251 - the fault: the loop stands still
    watchdog.__exit__()  # a later look would find the loop in time again

    assert (await scrape(service))[lag] > 2


async def test_says_that_the_database_is_up(service: Service) -> None:
    assert (await scrape(service))["db_up"] == 1
