"""An embedded PostgreSQL, shared by all commands that run in one folder.

Each command that uses the server holds a shared lock on a file. The kernel
releases the lock when the command ends, even by SIGKILL. So the last command
is the one that gets the lock exclusively, and it stops the server.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lab import postgres_server
from lab.account import EmbeddedServerError, account_for
from lab.wait_until import wait_until

DATA = Path(".data/postgres")
TURN_SECONDS = 120
"""Another command may be making the data folder."""


@contextmanager
def embedded_postgres(data: Path = DATA) -> Iterator[str]:
    """Start the server, or use the one that runs already; yield its URL.

    Args:
        data: PostgreSQL's data folder, which is made on first use.

    Raises:
        EmbeddedServerError: the folder cannot be used, or no server starts.

    """
    data = data.absolute()
    account = account_for(data)
    try:
        account.make_folder(data.parent)
        turn = account.open_lock(data.with_suffix(".turn"))
        users = account.open_lock(data.with_suffix(".users"))
    except OSError as error:
        message = (
            f"cannot write to {data.parent} ({error.strerror}): use another"
            " folder, or set DATABASE_URL"
        )
        raise EmbeddedServerError(message) from error
    with turn, users:
        with _turn(turn):
            fcntl.flock(users, fcntl.LOCK_SH)
            url = postgres_server.start(data, account)
        try:
            yield url
        finally:
            with _turn(turn), suppress(BlockingIOError):  # others use it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                postgres_server.stop(data)


@contextmanager
def _turn(lock: BinaryIO) -> Iterator[None]:
    """Let one command at a time start or stop the server."""

    def is_ours() -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    wait_until(is_ours, TURN_SECONDS, f"waiting for the lock {lock.name}")
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)
