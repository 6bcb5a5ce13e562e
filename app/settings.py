"""Every setting, its environment variable, its default and its reason.

A pool is sized by the write-up's formula,

    pool_size = (workers × connections per worker) + buffer
              = (4       × 3)                      + 8       = 20

where a worker is a task that borrows, not a process: each process has pools
of its own. What all processes may open together is `connections_needed`, and
`database.open_database` holds it against the server's `max_connections`.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError


class Settings(BaseSettings):
    """Read from the environment; the names are the fields', in capitals."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,  # a wrong URL has a password in it, too
    )

    database_url: SecretStr = Field(
        description="postgresql://user:password@host/name. The scheme"
        " chooses the engine's driver: postgresql+asyncpg:// (also plain"
        " postgresql://) or postgresql+psycopg://."
    )
    application_name: str = Field(
        default="order-service",
        max_length=32,
        description="How this service's connections are called in"
        " pg_stat_activity; process id and pool are added.",
    )
    web_concurrency: PositiveInt = Field(
        default=1,
        description="Processes that serve; each has pools of its own.",
    )

    pool_workers: PositiveInt = Field(
        default=4, description="Tasks of one process that borrow at once."
    )
    pool_connections_per_worker: PositiveInt = Field(
        default=3, description="Connections that such a task needs."
    )
    pool_buffer: int = Field(
        default=8, ge=0, description="Connections for peaks."
    )
    pool_timeout: PositiveFloat = Field(
        default=30,
        description="Seconds to wait for a connection before 503.",
    )
    pool_recycle: PositiveInt = Field(
        default=3600,
        description="Seconds after which the engine replaces a connection.",
    )
    pool_idle_lifetime: PositiveFloat = Field(
        default=300,
        description="Seconds after which the asyncpg pool closes an idle"
        " connection.",
    )
    connect_timeout: PositiveFloat = Field(
        default=5, description="Seconds to wait for the server to answer."
    )
    statement_timeout: PositiveFloat = Field(
        default=30, description="Seconds after which a statement is ended."
    )
    close_timeout: PositiveFloat = Field(
        default=1,
        description="Seconds to wait at the end for loans to come back.",
    )

    poolwatch_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port at 127.0.0.1 that shows loans, leaks and metrics"
        " from a thread of its own, while the event loop is blocked too.",
    )
    poolwatch_folder: Path | None = Field(
        default=None,
        description="Where workers meet, for each to show what all have lent."
        " `serve` makes one where it starts several.",
    )

    lab_enabled: bool = Field(
        default=False,
        description="Mount the leaky variants and the control endpoints.",
    )
    lab_token: SecretStr | None = Field(
        default=None,
        description="Bearer token of the control endpoints. `serve` makes"
        " one and prints it where the lab is on and none is given.",
    )
    flags_file: Path = Field(
        default=Path("flags.json"),
        description="Which variant answers, in flagd's format.",
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        schemes = {"postgresql", "postgresql+asyncpg", "postgresql+psycopg"}
        try:
            scheme = make_url(value.get_secret_value()).drivername
        except ArgumentError:
            scheme = "no URL"
        if scheme not in schemes:
            message = f"{scheme}: wanted one of {', '.join(sorted(schemes))}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _lab_is_guarded(self) -> Self:
        if self.lab_enabled and not self.lab_token:
            message = (
                "LAB_ENABLED wants a LAB_TOKEN: the control endpoints free"
                " connections and choose who answers"
            )
            raise ValueError(message)
        return self

    @cached_property
    def engine_url(self) -> URL:
        """The URL for SQLAlchemy; asyncpg where it names no driver."""
        url = make_url(self.database_url.get_secret_value())
        if url.drivername == "postgresql":
            return url.set(drivername="postgresql+asyncpg")
        return url

    @cached_property
    def dsn(self) -> str:
        """The URL for asyncpg itself, which knows no drivers."""
        url = self.engine_url.set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def connection_name(self, part: str) -> str:
        """What pg_stat_activity calls the connections of one pool or part."""
        return f"{self.application_name} {os.getpid()} {part}"

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
    def has_lookout(self) -> bool:
        """Whether a thread of its own answers for what is lent."""
        return bool(self.poolwatch_port or self.poolwatch_folder)

    @property
    def monitors(self) -> int:
        """Connections a process keeps to look at the server.

        The lookout's event loop needs one of its own.
        """
        return 2 if self.has_lookout else 1

    @property
    def connections_needed(self) -> int:
        """The most that all processes together may open."""
        engine = self.pool_size + self.max_overflow
        return self.web_concurrency * (engine + self.pool_size + self.monitors)
