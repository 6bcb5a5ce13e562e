"""What a command checks before it begins."""

import datetime as dt

from app.database.budget import DatabaseUnreachableError, check_budget
from app.database.monitor import Monitor
from app.invocation import APP
from app.settings import Settings


async def check_server(settings: Settings) -> None:
    """Refuse to start where the database is away, too small or empty.

    Raises:
        DatabaseUnreachableError: it does not answer, or has no tables.
        BudgetExceededError: the pools do not fit.

    """
    monitor = Monitor(settings.direct_dsn, settings.application_name)
    try:
        await check_budget(settings, monitor)
        found = await monitor.fetch("SELECT to_regclass('orders') AS orders")
        if found[0]["orders"] is None:
            message = f"the database has no tables: run `{APP} migrate`"
            raise DatabaseUnreachableError(message)
    finally:
        await monitor.close()


def today() -> dt.date:
    """The day up to which the shop has figures, in UTC."""
    return dt.datetime.now(dt.UTC).date()
