"""A real PostgreSQL, and the real service on a real port, for each test."""

import asyncio
import datetime as dt
import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from inspect import isawaitable
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import connect

from app.api import LESSONS
from app.database.migrate import migrate
from app.database.pools import Database
from app.database.seed import seed
from app.lesson import Scenario, Variant
from app.main import create_app
from app.settings import Settings
from poolwatch import Loan
from tests.garbage import without_collector

TODAY = dt.datetime.now(dt.UTC).date()
TOKEN = "the lab's token"
NO_CERTIFICATES = SSLContext(PROTOCOL_TLS_CLIENT)
"""No test uses TLS, and httpx would read them for each client."""

# A shell starts a job in the background with SIGINT ignored, and programs that
# a test starts would inherit that: Ctrl-C would not end them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ScratchDatabase = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The server that DATABASE_URL names, or an embedded one.

    The embedded one lives as long as the tests: it need not survive a crash.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    from lab.embedded import embedded_postgres

    with (
        TemporaryDirectory(prefix="postgres-") as folder,
        embedded_postgres(Path(folder, "data")) as url,
    ):
        with psycopg.connect(url, autocommit=True) as server:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                server.execute(f"ALTER SYSTEM SET {setting} = off")
            server.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def scratch_database(server_url: str) -> ScratchDatabase:
    """Makes empty databases; each is dropped when its block ends."""
    here = Settings(database_url=server_url)

    @contextmanager
    def make() -> Iterator[str]:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(here.dsn, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
            try:
                yield here.engine_url.set(
                    drivername="postgresql", database=name
                ).render_as_string(hide_password=False)
            finally:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return make


@pytest.fixture(scope="session")
def database_url(scratch_database: ScratchDatabase) -> Iterator[str]:
    """A database with tables and data, for all tests together."""
    with scratch_database() as url:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DATABASE_URL", url)
            migrate()
        asyncio.run(seed(url, TODAY, lambda _: None))
        yield url


@pytest.fixture
def driver() -> str:
    """What the engine speaks; a test that tries another overrides it."""
    return "asyncpg"


def lab_settings(url: str, driver: str, folder: Path) -> Settings:
    """The lab is on, and seven requests exhaust the engine's pool."""
    return Settings(
        database_url=url.replace("sql:", f"sql+{driver}:"),
        application_name=f"test {uuid4().hex[:8]}",
        web_concurrency=1,
        pool_workers=1,
        pool_connections_per_worker=3,
        pool_buffer=1,
        pool_timeout=10,
        close_timeout=0.05,
        lab_enabled=True,
        lab_token=TOKEN,
        flags_file=shutil.copy("flags.json", folder),
    )


@pytest.fixture
def settings(database_url: str, driver: str, tmp_path: Path) -> Settings:
    """The settings of `service`; a test that wants others overrides them."""
    return lab_settings(database_url, driver, tmp_path)


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment, as on office machines; it never answers."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service, from outside (HTTP) and from inside."""

    app: FastAPI
    client: httpx.AsyncClient
    database: Database

    async def send(
        self, scenario: Scenario, variant: Variant
    ) -> httpx.Response:
        """Send a lesson's request, and wait until all of it has ended."""
        path = f"/{variant}{scenario.path}"
        if scenario.method == "WEBSOCKET":
            async with self.socket(path) as socket:
                await socket.send(json.dumps(scenario.body))
                told = await socket.recv(decode=False)
            kind = {"content-type": "application/json"}
            answer = httpx.Response(200, headers=kind, content=told)
        else:
            answer = await self.client.request(
                scenario.method, path, json=scenario.body
            )
        await self.at_rest()
        return answer

    def socket(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> connect:
        """A WebSocket to the service, to be used as a context."""
        url = self.client.base_url.copy_with(scheme="ws").join(path)
        return connect(str(url), additional_headers=headers)

    async def at_rest(self) -> None:
        """Wait until every request has ended, its answer long read."""
        await until(lambda: not self.database.ledger.borrowers)

    @property
    def loans(self) -> list[Loan]:
        """What the app's own pools have lent."""
        return list(self.database.ledger.loans())

    async def backends(self) -> Counter[str]:
        """The app's connections by state, as PostgreSQL sees them."""
        settings = self.database.settings
        connection = await asyncpg.connect(settings.dsn)
        rows = await connection.fetch(
            "SELECT state FROM pg_stat_activity"
            " WHERE starts_with(application_name, $1)",
            settings.application_name,
        )
        await connection.close()
        return Counter(row["state"] for row in rows)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what must come about; twenty seconds are for ever.

    Args:
        condition: answers, or is awaited for, something true in the end.

    """
    async with asyncio.timeout(20):
        while True:
            found = condition()
            if await found if isawaitable(found) else found:
                return
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """Serve the app from this event loop, on a port of its own."""
    app = create_app(settings)
    config = uvicorn.Config(app, port=0, log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup()
    except SystemExit as refused:  # which would take all later tests along
        message = "the service did not start: see the log"
        raise RuntimeError(message) from refused
    database: Database = server.lifespan.state["database"]
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            verify=NO_CERTIFICATES,
            timeout=60,
        ) as client:
            yield Service(app, client, database)
    finally:
        # As `server.shutdown` does, without its fixed wait for clients.
        for lesson in LESSONS:
            lesson.forget()
        await until(lambda: not server.server_state.connections)
        for listener in server.servers:
            listener.close()
        await server.lifespan.shutdown()


@pytest.fixture
def collector_off() -> Iterator[None]:
    """Nothing is collected unless the test says so: a leak stays a leak."""
    with without_collector():
        yield


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    """The service with its lab on, where before and after both answer."""
    with without_collector():
        async with running(settings) as service:
            yield service


@pytest.fixture
async def production(settings: Settings) -> AsyncIterator[Service]:
    """The service with its lab off, and all else as in `service`."""
    off = settings.model_copy(update={"lab_enabled": False})
    async with running(off) as service:
        yield service
