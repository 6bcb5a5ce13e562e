"""The load that the page sends: a lesson's scenarios, at a constant rate."""

import asyncio
from contextlib import suppress

from app.lesson import Lesson
from lab.load.arrivals import plan_arrivals, send_arrivals

SEED = 1
"""The same seed gives the same requests."""
RATE = 20
"""Requests per second to begin with."""
MOST_RATE = 200
"""Requests per second: the page's process sends them, and also draws."""


class LessonLoad:
    """At most one load at a time; it runs until `stop`."""

    def __init__(self, service: str) -> None:
        """Take the service's URL; nothing is sent before `start`."""
        self._service = service
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        """Two browsers may start and stop the load at the same time."""
        self.rate = 0.0

    @property
    def is_on(self) -> bool:
        """Whether requests are sent."""
        return self._task is not None and not self._task.done()

    async def start(self, lesson: Lesson, rate: float) -> str:
        """Send this lesson's scenarios and no others; say which."""
        async with self._lock:
            await self._end()
            self.rate = min(max(rate, 1), MOST_RATE)
            arrivals = plan_arrivals(self.rate, SEED, lessons=[lesson])
            self._task = asyncio.create_task(
                send_arrivals(self._service, arrivals, lambda _: None)
            )
        limit = (
            f" {rate:g} is above this page's limit of {MOST_RATE}."
            if rate > MOST_RATE
            else ""
        )
        names = ", ".join(each.name for each in lesson.scenarios)
        return f"{self.rate:g} requests per second: {names}.{limit}"

    async def stop(self) -> str:
        """Send no more requests, and drop those without a response."""
        async with self._lock:
            await self._end()
        return "The load is off."

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
