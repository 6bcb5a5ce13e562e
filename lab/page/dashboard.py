"""What all browsers of the page share: lesson, load, flags and readings.

One service has one dashboard. An action in one browser shows in all of them.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from app.api import LESSONS
from app.lesson import Lesson, Variant
from lab.page.control_client import ControlClient, ControlError
from lab.page.history import Availability, History
from lab.page.lesson_load import LessonLoad
from lab.reading import Reader

logger = logging.getLogger(__name__)

SECONDS = 1.0
"""Between two readings."""
BLOCKED_SECONDS = 0.5
"""An event loop that is later than this is blocked, and not only busy."""
PROGRESS_SECONDS = 2.0
"""How often the page reports an action that still runs."""
MESSAGE_SECONDS = 60
"""An older message says nothing about the present, and is hidden."""

Progress = Literal["started", "line found", "taken back"]
"""What a room has done that the service's state does not show."""


@dataclass(slots=True)
class Dashboard:
    """The state of the page's process; browsers only show it."""

    reader: Reader
    control: ControlClient
    load: LessonLoad
    history: History = field(default_factory=History)
    lesson: Lesson = LESSONS[0]
    flags: dict[str, str] = field(default_factory=dict)
    """The variant of each lesson, as the service says; else *after*."""
    down_since: float | None = None
    message: str = ""
    message_at: float = 0.0
    kind: Literal["done", "running", "failed"] = "done"
    """Of the message."""
    busy: bool = False
    """Whether an action runs, so that no other may start."""
    collector_on: bool = True
    provider_answers: bool = True
    progress: Progress = "started"

    def variant(self, lesson: Lesson) -> str:
        """Which variant handles this lesson's routes."""
        return self.flags.get(lesson.name, "after")

    @property
    def status_line(self) -> str:
        """The last message, and when it came; empty once it is old."""
        if time.time() - self.message_at > MESSAGE_SECONDS:
            return ""
        clock = time.strftime("%H:%M:%S", time.localtime(self.message_at))
        return f"{clock} {self.message}"

    async def watch(self) -> None:
        """Read the service every second, until cancelled."""
        works = True
        while True:
            began = time.monotonic()
            try:
                await self._read()
                works = True
            except Exception:
                # The page must survive any error, and fill no log with it.
                if works:
                    logger.exception("a reading failed")
                works = False
            spent = time.monotonic() - began
            await asyncio.sleep(max(0.0, SECONDS - spent))

    async def _read(self) -> None:
        reading = await self.reader.read()
        service: Availability = "up"
        if not reading.alive:
            if not await self.control.process_lives():
                service = "down"
            elif reading.loop_lag > BLOCKED_SECONDS:
                service = "blocked"
        self.history.add(reading, service)
        if service == "up":
            if self.down_since is not None:  # it has restarted
                self.collector_on = self.provider_answers = True
                self.down_since = None
            await self._read_flags()
        elif service == "down" and self.down_since is None:
            self.down_since = reading.at

    async def choose(self, lesson: Lesson) -> None:
        """Change to a lesson; a load that is on changes as well."""
        self.lesson, self.progress = lesson, "started"
        if self.load.is_on:
            await self.start_load(self.load.rate)

    async def start_load(self, rate: float) -> None:
        """Send the lesson's scenarios, so many per second."""
        self._show(await self.load.start(self.lesson, rate))
        self._mark(f"{self.load.rate:g} requests/s")

    async def stop_load(self) -> None:
        """Send no more requests."""
        self._show(await self.load.stop())
        self._mark("load off")

    async def set_flag(self, lesson: Lesson, variant: Variant) -> None:
        """Choose the variant that handles a lesson's routes."""
        if await self._act(
            f"{lesson.name}: {variant}",
            lambda: self.control.set_flag(lesson, variant),
        ):
            if variant == "before":
                self.progress = "started"
            await self._read_flags()

    async def collect(self) -> None:
        """Force a garbage collection."""
        if await self._act("Collection", self.control.collect):
            self._mark("collection")

    async def switch_collector(self, *, on: bool) -> None:
        """Switch Python's automatic garbage collection."""
        if await self._act(
            "Garbage collector", lambda: self.control.switch_collector(on=on)
        ):
            self.collector_on = on
            self._mark(f"collector {'on' if on else 'off'}")

    async def switch_provider(self, *, on: bool) -> None:
        """Let the outside service of some lessons answer or not."""
        if await self._act(
            "Provider", lambda: self.control.switch_provider(answers=on)
        ):
            self.provider_answers = on
            self._mark(f"provider {'answers' if on else 'silent'}")

    async def reclaim(self) -> None:
        """Close leaked connections, and change nothing else."""
        if await self._act("Taking back", self.control.reclaim):
            self.progress = "taken back"
            self._mark("taken back")

    async def reset(self) -> None:
        """Restore the start state, and count from zero."""
        if await self._act("Reset", self.control.reset):
            self.collector_on = self.provider_answers = True
            self.progress = "taken back"
            self.flags = {}
            self._mark("reset")
            self.history.count_from_now()

    async def _act(self, name: str, do: Callable[[], Awaitable[str]]) -> bool:
        """Do one thing at a time, and report what it did."""
        if self.busy:
            return False
        self.busy = True
        self._show(f"{name}: running …", "running")
        waiting = asyncio.create_task(self._report_waiting(name))
        try:
            self._show(await do())
        except ControlError as error:
            self._show(str(error), "failed")
            return False
        finally:
            waiting.cancel()
            self.busy = False
        return True

    async def _report_waiting(self, name: str) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            spent = time.monotonic() - began
            now = self.history.now
            why = (
                "the service's event loop is blocked, and handles this next"
                if now and now.service == "blocked"
                else "the service is at it"
            )
            self._show(f"{name}: {spent:.0f} s so far, {why}.", "running")

    def _mark(self, words: str) -> None:
        self.history.mark(time.time(), words)

    def _show(
        self,
        message: str,
        kind: Literal["done", "running", "failed"] = "done",
    ) -> None:
        self.message, self.kind, self.message_at = message, kind, time.time()

    async def _read_flags(self) -> None:
        """Follow the service's flags, and mark each that has changed."""
        if self.busy:
            return
        try:
            flags = await self.control.flags()
        except ControlError:
            return
        for name in flags.keys() | self.flags.keys():
            variant = flags.get(name, "after")
            if variant != self.flags.get(name, "after"):
                self._mark(f"{name}: {variant}")
        self.flags = flags
