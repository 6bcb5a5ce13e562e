"""Connections that the server ends while the service lives."""

import asyncio

import asyncpg
import pytest

from app.api import SERVICE
from tests.conftest import Service, until


async def end_all_connections(service: Service) -> None:
    """Do what a failover, an administrator or a proxy does."""
    settings = service.database.settings
    connection = await asyncpg.connect(settings.dsn)
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 10_000) FROM pg_stat_activity"
        " WHERE starts_with(application_name, $1)",
        settings.application_name,
    )
    await connection.close()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_pools_replace_idle_connections_that_were_ended(
    production: Service,
) -> None:
    for lesson in SERVICE:
        for scenario in lesson.scenarios:
            await production.send(scenario, "after")
    await end_all_connections(production)

    for lesson in SERVICE:
        for scenario in lesson.scenarios:
            answer = await production.send(scenario, "after")
            assert answer.status_code == scenario.status
    assert (await production.client.get("/readyz")).status_code == 200


async def test_the_labs_pool_for_threads_replaces_them_too(
    service: Service,
) -> None:
    parcel = "/after/orders/1/parcel"
    await service.client.get(parcel)
    await end_all_connections(service)

    assert (await service.client.get(parcel)).status_code == 200


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_a_statement_that_was_cut_off_is_503(
    production: Service,
) -> None:
    holder = await asyncpg.connect(production.database.settings.dsn)
    async with holder.transaction():
        await holder.execute("SELECT FROM orders WHERE id = 2 FOR UPDATE")
        request = production.client.post("/orders/2/process")
        waiting = asyncio.create_task(request)
        await until(
            lambda: holder.fetchval(
                "SELECT count(*) FROM pg_locks WHERE NOT granted"
                " AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
        )

        await end_all_connections(production)

        assert (await waiting).status_code == 503
    await holder.close()
    assert not production.loans
