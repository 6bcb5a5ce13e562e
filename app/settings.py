"""Every setting, its environment variable, its default and its reason.

A pool is sized by the write-up's formula,

    pool_size = (workers × connections per worker) + buffer
              = (4       × 3)                      + 8       = 20

where a worker is a task that borrows, not a process: each process has pools
of its own. What all processes may open together is `connections_needed`, and
`database.open_database` holds it against the server's `max_connections`.
"""

import re
import socket
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    Field,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL

from app.database_url import (
    check_database_url,
    for_asyncpg,
    for_psycopg,
    for_sqlalchemy,
)

Seconds = Annotated[float, Field(ge=0.001, le=86_400)]
"""A bound on a wait: at least a millisecond, at most a day.

PostgreSQL counts milliseconds, and takes 0 for no bound at all.
"""


class Settings(BaseSettings):
    """Settings from environment variables, named as the fields."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,  # a wrong URL may contain a password
    )

    database_url: SecretStr = Field(
        description="postgresql://user:password@host/name. The scheme"
        " chooses the engine's driver: postgresql+asyncpg:// (also plain"
        " postgresql://) or postgresql+psycopg://."
    )
    database_direct_url: SecretStr | None = Field(
        default=None,
        description="The server itself, where DATABASE_URL names PgBouncer in"
        " transaction mode; migrations and the monitor use it.",
    )
    application_name: str = Field(
        default="order-service",
        max_length=24,
        description="Prefix of `application_name` in pg_stat_activity;"
        " process id, pool and replica are appended.",
    )
    replica: str | None = Field(
        default=None,
        max_length=20,
        description="Name of this copy of the service. Default: the end of"
        " the host's name.",
    )
    web_concurrency: PositiveInt = Field(
        default=1,
        description="Processes that serve; each has its own pools.",
    )

    pool_workers: PositiveInt = Field(
        default=4,
        description="Tasks of one process that use connections at once.",
    )
    pool_connections_per_worker: PositiveInt = Field(
        default=3, description="Connections that each such task needs."
    )
    pool_buffer: int = Field(
        default=8, ge=0, description="Extra connections for peaks."
    )
    pool_timeout: Seconds = Field(
        default=30,
        description="Seconds to wait for a connection before 503.",
    )
    pool_recycle: int = Field(
        default=3600,
        ge=1,
        le=86_400,
        description="Seconds after which the engine replaces a connection.",
    )
    pool_idle_lifetime: Seconds = Field(
        default=300,
        description="Seconds after which the asyncpg pool closes an idle"
        " connection.",
    )
    connect_timeout: Seconds = Field(
        default=5, description="Seconds to wait for a new connection."
    )
    statement_timeout: Seconds = Field(
        default=30, description="Seconds after which a statement is cancelled."
    )
    lock_timeout: Seconds | None = Field(
        default=None,
        description="Seconds that a statement waits for a lock before 503."
        " Default: 2; with the lab on, STATEMENT_TIMEOUT, because lessons"
        " wait for locks.",
    )
    close_timeout: Seconds = Field(
        default=1,
        description="Seconds to wait at shutdown for connections in use.",
    )

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names that clients may use for this service in URLs,"
        " separated by commas, beside localhost, this machine's name and every"
        " IP address; * allows all. Other names are refused: a web page could"
        " use one to read a service that only this network reaches.",
    )

    client_limit: PositiveInt = Field(
        default=2000,
        description="Connections and requests that one process takes at once."
        " A request beyond it gets 503 immediately.",
    )

    tune_gc: bool | None = Field(
        default=None,
        description="Run Python's garbage collector less often, for more"
        " requests a second; but a leaked session then holds its connection"
        " until the pool is exhausted. On if not given, and off with the lab.",
    )

    poolwatch_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port that serves loans, leaks and metrics from a separate"
        " thread, also while the event loop is blocked.",
    )
    poolwatch_host: IPv4Address = Field(
        default=IPv4Address("127.0.0.1"),
        description="Address of that port. It shows code and queries without a"
        " password: only a network that you trust may reach it.",
    )
    poolwatch_folder: Path | None = Field(
        default=None,
        description="Folder through which the workers of one service see each"
        " other's loans. `serve` makes one when it starts several workers.",
    )

    lab_enabled: bool = Field(
        default=False,
        description="Mount the leaky variants and the control endpoints.",
    )
    lab_token: SecretStr | None = Field(
        default=None,
        description="Bearer token of the control endpoints. With the lab on,"
        " `serve` makes one and prints it where none is set.",
    )
    flags_file: Path = Field(
        default=Path("flags.json"),
        description="Which variant serves each lesson, in flagd's format.",
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _is_a_list(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(name.strip() for name in names)
        for name in names:
            if not re.fullmatch(r"\*|[\w.-]+", name):
                message = f"{name!r} is no host name; give it without a port"
                raise ValueError(message)
        return names

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        check_database_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _lab_is_guarded(self) -> Self:
        if self.lab_enabled and not self.lab_token:
            message = (
                "LAB_ENABLED needs a LAB_TOKEN: the control endpoints end"
                " connections and select variants"
            )
            raise ValueError(message)
        return self

    @property
    def behind_pgbouncer(self) -> bool:
        """Whether the pools connect to PgBouncer instead of the server."""
        return self.database_direct_url is not None

    @property
    def _pools_url(self) -> str:
        return self.database_url.get_secret_value()

    @property
    def server_url(self) -> str:
        """The server's URL as it was given, with its password."""
        url = self.database_direct_url or self.database_url
        return url.get_secret_value()

    @cached_property
    def engine_url(self) -> URL:
        """The pools' URL for SQLAlchemy; asyncpg where it names no driver."""
        return for_sqlalchemy(self._pools_url)

    @cached_property
    def direct_url(self) -> URL:
        """The server's own URL for SQLAlchemy."""
        return for_sqlalchemy(self.server_url)

    @cached_property
    def psycopg_url(self) -> URL:
        """The pools' URL for synchronous SQLAlchemy, with psycopg."""
        return for_psycopg(self._pools_url)

    @cached_property
    def dsn(self) -> str:
        """The pools' URL for asyncpg itself, which knows no drivers."""
        return for_asyncpg(self._pools_url)

    @cached_property
    def direct_dsn(self) -> str:
        """The server's own URL for asyncpg itself."""
        return for_asyncpg(self.server_url)

    @cached_property
    def replica_name(self) -> str:
        """Which copy of the service this is.

        The end of a host's name differs between pods and containers.
        """
        return self.replica or socket.gethostname()[-20:]

    @property
    def pool_size(self) -> int:
        """Connections each pool keeps, by the write-up's formula."""
        return (
            self.pool_workers * self.pool_connections_per_worker
            + self.pool_buffer
        )

    @property
    def max_overflow(self) -> int:
        """Connections the engine may add at peaks: half its pool."""
        return self.pool_size // 2

    @property
    def pool_min_size(self) -> int:
        """Connections the asyncpg pool keeps open: half its most."""
        return max(1, self.pool_size // 2)

    @property
    def lock_wait(self) -> float:
        """Seconds that a statement waits for a lock."""
        if self.lock_timeout is not None:
            return self.lock_timeout
        return self.statement_timeout if self.lab_enabled else 2

    @property
    def gc_tuned(self) -> bool:
        """Whether the garbage collector runs less often.

        The lessons need Python's defaults, which reclaim some leaks.
        """
        return not self.lab_enabled if self.tune_gc is None else self.tune_gc

    @property
    def has_pages_thread(self) -> bool:
        """Whether a thread of its own serves poolwatch's pages."""
        return bool(self.poolwatch_port or self.poolwatch_folder)

    @property
    def monitors(self) -> int:
        """Connections a process keeps to look at the server.

        The event loop of poolwatch's thread needs one of its own.
        """
        return 2 if self.has_pages_thread else 1

    @property
    def threads_pool_size(self) -> int:
        """Connections of the lab's synchronous engine; 0 without the lab."""
        return 6 if self.lab_enabled else 0

    @property
    def pools(self) -> int:
        """The most that one process's pools may open."""
        engine = self.pool_size + self.max_overflow
        return engine + self.pool_size + self.threads_pool_size

    @property
    def connections_needed(self) -> int:
        """The most that all processes together may open to the server.

        Behind PgBouncer the pools open none there: PgBouncer does.
        """
        each = self.monitors + (0 if self.behind_pgbouncer else self.pools)
        return self.web_concurrency * each
