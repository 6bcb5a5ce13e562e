"""The load that the page sends: a lesson's scenarios, at a constant rate."""

import asyncio
from collections import Counter
from contextlib import suppress

from app.lesson import Lesson
from lab.load.arrivals import (
    Ending,
    RequestResult,
    plan_arrivals,
    send_arrivals,
)

SEED = 1
"""The same seed gives the same requests."""


class Load:
    """At most one load at a time; it runs until it is stopped."""

    def __init__(self, service: str) -> None:
        """Name the service; nothing is sent before `start`."""
        self._service = service
        self._sending: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        """Held while a load starts or stops: browsers do so side by side."""
        self.lesson: Lesson | None = None
        self.rate = 0.0
        self.endings: Counter[Ending] = Counter()
        """What became of the requests, since the start."""

    @property
    def is_on(self) -> bool:
        """Whether requests are sent."""
        return self._sending is not None and not self._sending.done()

    async def start(self, lesson: Lesson, rate: float) -> str:
        """Send this lesson's scenarios, and no other's; say which."""
        async with self._turn:
            await self._end()
            self.lesson, self.rate = lesson, rate
            self.endings.clear()
            arrivals = plan_arrivals(rate, SEED, lessons=[lesson])
            self._sending = asyncio.create_task(
                send_arrivals(self._service, arrivals, self._record)
            )
        sent = ", ".join(each.name for each in lesson.scenarios)
        return f"{rate:g} requests a second for {lesson.name}: {sent}."

    async def stop(self) -> str:
        """Send nothing more, and drop what is not answered."""
        async with self._turn:
            await self._end()
        return "The load is off."

    async def _end(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
            self._sending = None

    def _record(self, result: RequestResult) -> None:
        self.endings[result.ending] += 1
