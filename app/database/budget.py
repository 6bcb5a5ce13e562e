"""Whether all that the processes may open fits what the server allows.

Each process has pools of its own, each replica its own processes:

    replicas × workers × (engine + overflow + asyncpg + monitor)

Through PgBouncer the pools open connections to it alone, and the server sees
PgBouncer's pool in place of all of theirs.
"""

from dataclasses import dataclass

import asyncpg

from app.database.monitor import Monitor
from app.database.unreachable import named_in_errors, unreachable
from app.settings import Settings


class BudgetExceededError(Exception):
    """The pools could open more connections than the server allows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server allows: by default what PostgreSQL is shipped with."""

    max_connections: int = 100
    reserved: int = 3
    """Kept back for superusers and for maintenance."""

    @property
    def free(self) -> int:
        """Connections that a service may have."""
        return self.max_connections - self.reserved


@dataclass(frozen=True, slots=True)
class Budget:
    """What a service may open, in so many replicas."""

    settings: Settings
    limits: Limits
    replicas: int = 1

    @property
    def processes(self) -> int:
        """All processes of all replicas."""
        return self.replicas * self.settings.web_concurrency

    @property
    def pools(self) -> int:
        """What the pools of one process may open, wherever they lead."""
        return self.settings.pools

    @property
    def direct(self) -> int:
        """The most that all open where the pools lead to the server."""
        return self.processes * (self.pools + self.settings.monitors)

    @property
    def clients(self) -> int:
        """The most that PgBouncer has to bear: the pools, and a probe each."""
        return self.processes * (self.pools + 1)

    def through_pgbouncer(self, pool_size: int) -> int:
        """The most that the server sees where PgBouncer has such a pool."""
        return pool_size + self.processes * self.settings.monitors

    @property
    def largest_pool(self) -> int:
        """The largest pool size that fits without PgBouncer; 0 if none."""
        others = self.settings.monitors + self.settings.threads_pool_size
        each = self.limits.free // self.processes - others
        fitting = (
            size for size in range(each) if size + size // 2 + size <= each
        )
        return max(fitting, default=0)

    @property
    def largest_pgbouncer_pool(self) -> int:
        """The largest `default_pool_size` that fits; 0 if none."""
        return max(0, self.limits.free - self.through_pgbouncer(0))


async def ask_limits(settings: Settings, monitor: Monitor) -> Limits:
    """Read what the server allows.

    Raises:
        DatabaseUnreachableError: the server cannot be reached.

    """
    try:
        with named_in_errors(settings.direct_url):
            # A start may wait for a server that is busy; a probe may not.
            server = await monitor.limits(settings.connect_timeout)
    except asyncpg.PostgresError as error:
        raise unreachable(settings.direct_url, error) from error
    return Limits(server.pop("max_connections"), sum(server.values()))


async def check_budget(settings: Settings, monitor: Monitor) -> None:
    """Refuse pools that could open more connections than the server allows.

    Raises:
        DatabaseUnreachableError: the server cannot be reached.
        BudgetExceededError: with the sum, and what to change.

    """
    limits = await ask_limits(settings, monitor)
    needed = settings.connections_needed
    if needed <= limits.free:
        return
    lab = settings.threads_pool_size
    pools = (
        ""
        if settings.behind_pgbouncer
        else f"{settings.pool_size} + {settings.max_overflow} engine"
        f" + {settings.pool_size} asyncpg + {f'{lab} lab + ' if lab else ''}"
    )
    message = (
        f"{settings.web_concurrency} process(es) × ({pools}"
        f"{settings.monitors} monitor) = {needed} connections, but the server"
        f" allows {limits.max_connections} - {limits.reserved} reserved"
        f" = {limits.free}: lower WEB_CONCURRENCY or the POOL_ settings, or"
        " raise max_connections"
    )
    raise BudgetExceededError(message)
