"""What the lab keeps beside the service, and the endpoints of both share."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Self

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import Engine

from app.api import LESSONS
from app.database import State
from app.flags import Flags
from app.lab.flag_metrics import FlagGauges
from app.lab.gc_metrics import collections_shown
from app.lab.table_lock import TableLock
from app.lab.waits import Waits
from app.lab.workshop.serving import Exercises
from app.provider import Provider
from app.settings import Settings
from app.threads_engine import open_threads_engine


@dataclass(frozen=True, slots=True)
class Lab:
    """Made with the application, where the lab is on; lives as long as it."""

    flags: Flags
    table_lock: TableLock
    registry: CollectorRegistry
    last_reset: Gauge
    """The new zero of all counters, which themselves never go backwards."""
    provider: Provider = field(default_factory=Provider)
    waits: Waits = field(default_factory=Waits)
    exercises: Exercises = field(default_factory=lambda: Exercises(LESSONS))
    collects: bool = field(default_factory=gc.isenabled)
    """Whether Python's collector was on when it began."""

    @classmethod
    def of(cls, settings: Settings, registry: CollectorRegistry) -> Self:
        """Make it, and show its metrics; nothing is open yet."""
        flags = Flags(settings.flags_file)
        registry.register(FlagGauges(flags, LESSONS))
        last_reset = Gauge(
            "lab_reset_timestamp_seconds",
            "When the lab was reset last, in Unix time; 0 if never",
            registry=registry,
        )
        return cls(flags, TableLock(settings.direct_dsn), registry, last_reset)

    @asynccontextmanager
    async def opened(self, state: State) -> AsyncIterator["LabState"]:
        """Open what the lessons need beside the database."""
        database = state["database"]
        database.ledger.listeners.append(self.waits)
        self.flags.open()
        try:
            async with open_threads_engine(
                database.settings, database.ledger
            ) as threads_engine:
                with collections_shown(self.registry):
                    yield {
                        **state,
                        "lab": self,
                        "provider": self.provider,
                        "threads_engine": threads_engine,
                    }
        finally:
            self.flags.close()
            await self.table_lock.release()


class LabState(State):
    """What requests find in `request.state` where the lab is on."""

    lab: Lab
    provider: Provider
    threads_engine: Engine


async def get_lab(request: Request) -> Lab:
    """Hand the lab to one of its endpoints."""
    return request.state.lab  # type: ignore[no-any-return]


LabDep = Annotated[Lab, Depends(get_lab)]
