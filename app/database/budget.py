"""Whether all pools together fit the connections that the server allows.

Each replica has several processes, and each process has its own pools:

    replicas × workers × (engine + overflow + asyncpg + monitor)

Behind PgBouncer the pools connect to PgBouncer only. The server then has the
connections of PgBouncer's pool instead.
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
    """The limits of a server; the defaults are those of PostgreSQL."""

    max_connections: int = 100
    reserved: int = 3
    """Reserved for superusers and for maintenance."""

    @property
    def free(self) -> int:
        """Connections that a service may open."""
        return self.max_connections - self.reserved


@dataclass(frozen=True, slots=True)
class Budget:
    """The connections that a number of replicas may open."""

    settings: Settings
    limits: Limits
    replicas: int = 1

    @property
    def processes(self) -> int:
        """All processes of all replicas."""
        return self.replicas * self.settings.web_concurrency

    @property
    def pools(self) -> int:
        """The most that the pools of one process may open."""
        return self.settings.pools

    @property
    def direct(self) -> int:
        """The most that all processes open when connected directly."""
        return self.processes * (self.pools + self.settings.monitors)

    @property
    def clients(self) -> int:
        """The most clients of PgBouncer: the pools, and one probe each."""
        return self.processes * (self.pools + 1)

    def through_pgbouncer(self, pool_size: int) -> int:
        """The most that the server gets behind a PgBouncer of this size."""
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
    """Read the server's limits.

    Raises:
        DatabaseUnreachableError: the server cannot be reached.

    """
    try:
        with named_in_errors(settings.direct_url):
            # At the start it may wait longer for a busy server than a probe.
            server = await monitor.limits(settings.connect_timeout)
    except asyncpg.PostgresError as error:
        raise unreachable(settings.direct_url, error) from error
    return Limits(server.pop("max_connections"), sum(server.values()))


async def check_budget(settings: Settings, monitor: Monitor) -> None:
    """Refuse pools that could open more connections than the server allows.

    Raises:
        DatabaseUnreachableError: the server cannot be reached.
        BudgetExceededError: it names the sum, and settings to change.

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
