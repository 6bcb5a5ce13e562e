"""The state of the lab, which its endpoints and lessons share."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Self, TypedDict

from fastapi import Depends, FastAPI, Request
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import Engine

import poolwatch
from app.api import LESSONS
from app.control.exercises import Exercises
from app.control.flag_metrics import FlagGauges
from app.control.gc_metrics import collections_shown
from app.control.table_lock import TableLock
from app.control.waits import Waits
from app.flags import Flags
from app.lessons.provider import Provider
from app.lessons.threads_engine import open_threads_engine
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Lab:
    """The lab's state; lives as long as the application."""

    settings: Settings
    ledger: poolwatch.Ledger
    registry: CollectorRegistry
    flags: Flags
    table_lock: TableLock
    last_reset: Gauge
    """When the last reset was: a reset does not set counters back."""
    provider: Provider = field(default_factory=Provider)
    waits: Waits = field(default_factory=Waits)
    exercises: Exercises = field(default_factory=lambda: Exercises(LESSONS))
    collects: bool = field(default_factory=gc.isenabled)
    """Whether the garbage collector was enabled at the start."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        ledger: poolwatch.Ledger,
        registry: CollectorRegistry,
    ) -> Self:
        """Create the state and register its metrics; open nothing yet."""
        flags = Flags(settings.flags_file)
        registry.register(FlagGauges(flags, LESSONS))
        last_reset = Gauge(
            "lab_reset_timestamp_seconds",
            "When the lab was reset last, in Unix time; 0 if never",
            registry=registry,
        )
        lab = cls(
            settings,
            ledger,
            registry,
            flags,
            TableLock(settings.direct_dsn),
            last_reset,
        )
        ledger.listeners.append(lab.waits)
        return lab

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator["LabState"]:
        """Open the flags and the engine for `def` handlers."""
        self.flags.open()
        try:
            async with open_threads_engine(
                self.settings, self.ledger
            ) as threads_engine:
                with collections_shown(self.registry):
                    yield {
                        "lab": self,
                        "provider": self.provider,
                        "threads_engine": threads_engine,
                    }
        finally:
            self.flags.close()
            await self.table_lock.release()


class LabState(TypedDict):
    """The attributes that the lab adds to `request.state`."""

    lab: Lab
    provider: Provider
    threads_engine: Engine


async def get_lab(request: Request) -> Lab:
    """Return the lab of this service."""
    return request.state.lab  # type: ignore[no-any-return]


LabDep = Annotated[Lab, Depends(get_lab)]
