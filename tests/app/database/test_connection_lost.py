"""Connections that end, or die silently, while the service lives."""

import asyncio
import os
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from unittest.mock import patch

import asyncpg
import psycopg
import pytest
import uvloop
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr
from sqlalchemy import make_url

from app.api import SERVICE
from app.database import ping
from app.database.connect import psycopg_arguments
from app.database.sessions import DatabaseDep
from app.settings import Settings
from tests.conftest import Service, running, until


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


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_a_connection_that_was_just_used_is_replaced_if_it_has_ended(
    production: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ping, "FRESH_SECONDS", 3600)
    assert (await production.client.get("/orders/1")).status_code == 200
    await end_all_connections(production)

    assert (await production.client.get("/orders/1")).status_code == 200


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize(("fresh_seconds", "pings"), [(3600, 0), (0, 2)])
async def test_only_a_connection_that_was_just_used_is_not_tested(
    production: Service,
    monkeypatch: pytest.MonkeyPatch,
    fresh_seconds: int,
    pings: int,
) -> None:
    monkeypatch.setattr(ping, "FRESH_SECONDS", fresh_seconds)
    dialect = production.database.reader.sync_engine.dialect
    with patch.object(dialect, "do_ping", wraps=dialect.do_ping) as pinged:
        for _ in range(3):
            await production.client.get("/orders/1")

    assert pinged.call_count == pings


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


@pytest.mark.parametrize(
    "loop_factory", [asyncio.SelectorEventLoop, uvloop.new_event_loop]
)
def test_what_an_event_loop_raises_for_a_closed_transport_is_503(
    settings: Settings,
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def close_it_below_asyncpg() -> list[int]:
        async with running(settings) as service:

            @service.app.get("/fault")
            async def of_the_pool(database: DatabaseDep) -> None:
                async with database.pool.acquire() as lent:
                    lent._con._transport.write_eof()  # type: ignore[attr-defined]
                    await lent.fetch("SELECT 1")

            @service.app.get("/another-fault")
            async def of_the_engine(database: DatabaseDep) -> None:
                async with database.engine.connect() as connection:
                    raw = await connection.get_raw_connection()
                    raw.driver_connection._transport.write_eof()  # type: ignore[union-attr]
                    await connection.exec_driver_sql("SELECT 1")

            paths = ("/fault", "/another-fault", "/orders")
            answers = [await service.client.get(path) for path in paths]
            await service.at_rest()
            assert not service.loans
        return [answer.status_code for answer in answers]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(close_it_below_asyncpg()) == [503, 503, 200]
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_monitor_that_lost_its_connection_says_so_and_reconnects(
    production: Service,
) -> None:
    monitor = production.database.monitor
    await monitor.fetch("SELECT 1")
    assert monitor._connection
    monitor._connection._transport.write_eof()  # type: ignore[attr-defined]

    # An OSError: what its users expect of a server that is away.
    with pytest.raises(ConnectionError, match="the connection ended"):
        await monitor.fetch("SELECT 1")

    assert await monitor.fetch("SELECT 1")


class Network:
    """A proxy between service and server that can drop connections.

    Neither end gets an error, as when NAT drops a connection.
    """

    def __init__(self, database_url: str) -> None:
        """Lead to this database's server, over a Unix socket or TCP."""
        server = conninfo_to_dict(database_url)
        self._host = str(server.get("host", "127.0.0.1"))
        self._port = str(server.get("port", "5432"))
        self._lost = asyncio.Event()
        self.port = 0
        self.connections = 0

    def lose_connections(self) -> None:
        """Carry nothing more for those there are; new ones work."""
        self._lost.set()
        self._lost = asyncio.Event()

    async def carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Carry one connection's bytes both ways, until either end closes."""
        lost = self._lost
        self.connections += 1
        if self._host.startswith("/"):
            path = f"{self._host}/.s.PGSQL.{self._port}"
            answers, requests = await asyncio.open_unix_connection(path)
        else:
            answers, requests = await asyncio.open_connection(
                self._host, self._port
            )
        await asyncio.gather(
            self._copy(reader, requests, lost),
            self._copy(answers, writer, lost),
        )
        self.connections -= 1

    async def _copy(
        self, reader: StreamReader, writer: StreamWriter, lost: asyncio.Event
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not lost.is_set():
                    writer.write(data)
        writer.close()


@pytest.fixture
async def network(database_url: str) -> AsyncIterator[Network]:
    """The way to the tests' server, at 127.0.0.1 and `network.port`."""
    network = Network(database_url)
    listener = await asyncio.start_server(network.carry, "127.0.0.1", 0)
    network.port = listener.sockets[0].getsockname()[1]
    yield network
    listener.close()
    await until(lambda: not network.connections)


@pytest.fixture
async def far_away(
    settings: Settings, network: Network
) -> AsyncIterator[Service]:
    """The service at the other end of the network, with short patience."""
    url = (
        make_url(settings.database_url.get_secret_value())
        .set(host="127.0.0.1", port=network.port)
        .difference_update_query(["host", "port"])
        .render_as_string(hide_password=False)
    )
    there = {"database_url": SecretStr(url), "statement_timeout": 1}
    async with running(settings.model_copy(update=there)) as service:
        yield service


async def test_a_pooled_connection_that_died_silently_is_given_up(
    network: Network, far_away: Service
) -> None:
    assert (await far_away.client.get("/orders")).status_code == 200

    network.lose_connections()

    async with asyncio.timeout(20):
        lost = await far_away.client.get("/orders")
        again = await far_away.client.get("/orders")
    assert (lost.status_code, again.status_code) == (503, 200)
    assert not far_away.loans


async def test_a_probe_looks_again_over_another_connection(
    network: Network, far_away: Service
) -> None:
    async def is_ready() -> bool:
        return (await far_away.client.get("/readyz")).is_success

    await until(is_ready)

    network.lose_connections()

    assert not await is_ready()
    await until(is_ready)


async def test_of_psycopgs_connections_the_kernel_finds_the_dead(
    settings: Settings, network: Network
) -> None:
    arguments = psycopg_arguments(settings, "test")
    url = settings.engine_url.set(host="127.0.0.1", port=network.port)
    url = url.set(drivername="postgresql").difference_update_query(
        ["host", "port"]
    )

    async with await psycopg.AsyncConnection.connect(
        url.render_as_string(hide_password=False), **arguments
    ) as connection:
        with socket.socket(fileno=os.dup(connection.fileno())) as its_socket:
            milliseconds = its_socket.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT
            )
            idle = its_socket.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_KEEPIDLE
            )

    assert milliseconds == settings.statement_timeout * 1000
    assert idle == settings.connect_timeout
