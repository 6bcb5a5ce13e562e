"""A real PgBouncer before the tests' server, with the configuration of ops/.

Only addresses and the user's name are other than in the file.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import URL, make_url

from tests.process.command import A_MINUTE, ROOT, free_port, wait_until

OPS = ROOT / "ops/pgbouncer"
PASSWORD = "only-here"
NOBODY = 65534
PATH = os.environ.get("PATH", "") + ":/usr/sbin"
"""Debian puts it where users do not look."""


@dataclass(frozen=True, slots=True)
class Bouncer:
    """A running PgBouncer, and what its own console says."""

    address: URL
    log: Path

    def url(self, database_url: str, driver: str = "asyncpg") -> str:
        """The way to this database through PgBouncer."""
        return self.address.set(
            drivername=f"postgresql+{driver}",
            database=make_url(database_url).database,
        ).render_as_string(hide_password=False)

    def show(self, what: str) -> list[dict[str, Any]]:
        """Ask its console, as an operator does."""
        with psycopg.connect(
            host=self.address.host,
            port=self.address.port,
            user=self.address.username,
            password=self.address.password,
            dbname="pgbouncer",
            autocommit=True,
            row_factory=dict_row,
            cursor_factory=psycopg.ClientCursor,
        ) as console:
            return console.execute(f"SHOW {what}").fetchall()

    def pool(self, database_url: str) -> dict[str, Any]:
        """Its line of `SHOW POOLS` for this database."""
        name = make_url(database_url).database
        [pool] = [p for p in self.show("POOLS") if p["database"] == name]
        return pool

    def in_use(self, database_url: str) -> tuple[int, int]:
        """Server connections that are taken, and clients that wait."""
        pool = self.pool(database_url)
        return pool["sv_active"], pool["cl_waiting"]


@contextmanager
def running_bouncer(server: URL) -> Iterator[Bouncer]:
    """Start PgBouncer before this server, and end it."""
    binary = shutil.which("pgbouncer", path=PATH)
    if binary is None:
        assert not os.environ.get("CI"), "CI wants pgbouncer installed"
        pytest.skip("pgbouncer is not installed")
    host = str(server.query.get("host") or server.host or "127.0.0.1")
    user = server.username or "postgres"
    password = server.password or PASSWORD
    port = free_port()
    address = URL.create(
        "postgresql", user, password, "127.0.0.1", port, "postgres"
    )
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        config, log = folder / "pgbouncer.ini", folder / "log"
        config.write_text(
            _readdressed(
                (OPS / "pgbouncer.ini").read_text(),
                {
                    "host=db port=5432": f"host={host}"
                    f" port={server.port or 5432}",
                    "listen_addr = *": "listen_addr = 127.0.0.1",
                    "listen_port = 6432": f"listen_port = {port}",
                    "/tmp/pgbouncer-users.txt": str(folder / "users.txt"),  # noqa: S108
                    "stats_users = service": f"stats_users = {user}",
                },
            )
        )
        as_whom: dict[str, Any] = {}
        if os.geteuid() == 0:  # as which PgBouncer refuses to run
            owner = Path(host).stat().st_uid if host[0] == "/" else NOBODY
            as_whom = {"user": owner, "group": owner, "extra_groups": []}
            os.chown(folder, owner, owner)
            os.chown(config, owner, owner)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [OPS / "start", config],
                env={
                    "PATH": PATH,
                    "POSTGRES_USER": user,
                    "POSTGRES_PASSWORD": password,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **as_whom,
            )
        bouncer = Bouncer(address, log)
        try:
            wait_until(lambda: _answers(bouncer) or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield bouncer
        finally:
            process.kill()  # at once: its clients have gone
            process.wait(A_MINUTE)


def _readdressed(text: str, addresses: dict[str, str]) -> str:
    for ours, here in addresses.items():
        assert text.count(ours) == 1, ours
        text = text.replace(ours, here)
    return text


def _answers(bouncer: Bouncer) -> bool:
    with suppress(psycopg.OperationalError):
        return bool(bouncer.show("VERSION"))
    return False
