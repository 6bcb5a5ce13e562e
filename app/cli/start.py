"""What a command checks before it begins."""

import datetime as dt
import errno
import os
import socket
from pathlib import Path

from app.database.budget import check_budget
from app.database.monitor import Monitor
from app.database.unreachable import (
    DatabaseUnreachableError,
    named_in_errors,
    reason,
)
from app.invocation import APP
from app.settings import Settings


async def check_server(settings: Settings) -> None:
    """Refuse to start where the database is away, too small or empty.

    Raises:
        DatabaseUnreachableError: it does not respond, or has no tables.
        BudgetExceededError: the pools do not fit.

    """
    monitor = Monitor(settings.direct_dsn, settings.application_name)
    query = "SELECT to_regclass('orders') AS orders"
    try:
        await check_budget(settings, monitor)
        with named_in_errors(settings.direct_url):
            found = await monitor.fetch(
                query, patience=settings.connect_timeout
            )
        if found[0]["orders"] is None:
            message = f"the database has no tables: run `{APP} migrate`"
            raise DatabaseUnreachableError(message)
    finally:
        await monitor.close()


def listen(
    host: str, port: int, port_option: str, host_option: str = "--host"
) -> socket.socket:
    """Listen at an address, to see whether a server could.

    Raises:
        OSError: it could not; the message names the option to change.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        is_ports = error.errno in {errno.EADDRINUSE, errno.EACCES}
        option = port_option if is_ports else host_option
        message = f"{host}:{port}: {reason(error)}; choose another {option}"
        raise OSError(message) from error


def check_folder(folder: Path) -> None:
    """Make the folder where workers meet, unless it exists.

    Raises:
        OSError: no worker could have its socket in it.

    """
    longest = folder / "4194304.sock"  # named by Linux's largest process id
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(os.fsencode(longest))
        longest.unlink()
    except OSError as error:
        message = f"POOLWATCH_FOLDER {folder}: {reason(error)}"
        raise OSError(message) from error


def today() -> dt.date:
    """The day up to which the shop has figures, in UTC."""
    return dt.datetime.now(dt.UTC).date()
