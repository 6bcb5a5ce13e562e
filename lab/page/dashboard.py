"""What all browsers of the page share: lesson, load, flags and readings.

One service has one dashboard. An action in one browser shows in all of them.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from app.api import LESSONS
from app.control.reset import Reset
from app.lesson import Lesson, Variant
from lab.page.control_client import SECONDS, ControlClient, ControlError
from lab.page.history import Availability, History
from lab.page.lesson_load import LessonLoad
from lab.page.words import count
from lab.reading import Reader

logger = logging.getLogger(__name__)

BLOCKED_SECONDS = 0.5
"""An event loop that is later than this is blocked, and not only busy."""
RESET_SECONDS = 60.0
"""A reset frees a blocked service, so it may wait for the event loop."""
MESSAGE_SECONDS = 60
"""An older message says nothing about the present, and is hidden."""

Status = Literal["done", "running", "failed"]
GuideState = Literal["started", "line found", "taken back"]
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
    action: str = ""
    """What runs now, so that nothing else may start; empty if nothing."""
    message: str = ""
    status: Status = "done"
    since: float = 0.0
    """When the action began, or the message came."""
    collector_on: bool = True
    provider_on: bool = True
    progress: GuideState = "started"

    def variant(self, lesson: Lesson) -> str:
        """Which variant handles this lesson's routes."""
        return self.flags.get(lesson.name, "after")

    @property
    def status_line(self) -> str:
        """The running action, or the last message while it is new."""
        age, now = time.time() - self.since, self.history.now
        if self.action:
            blocked = now is not None and now.service == "blocked"
            why = " The service's event loop is blocked." if blocked else ""
            return f"{self.action}: running for {age:.0f} s.{why}"
        if age > MESSAGE_SECONDS:
            return ""
        clock = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"{clock} {self.message}"

    async def watch(self, seconds: float) -> None:
        """Read the service again and again, until cancelled."""
        works = True
        while True:
            next_reading = asyncio.create_task(asyncio.sleep(seconds))
            try:
                await self._read()
                works = True
            except Exception:
                # The page must survive any error, and fill no log with it.
                if works:
                    logger.exception("a reading failed")
                works = False
            await next_reading

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
                self.collector_on = self.provider_on = True
                self.down_since = None
            await self._read_flags()
        elif service == "down" and self.down_since is None:
            self.down_since = reading.at

    async def choose(self, lesson: Lesson) -> None:
        """Change to a lesson; a load that is on changes as well."""
        if lesson is self.lesson:
            return
        self.lesson, self.progress = lesson, "started"
        if self.load.is_on:
            await self.start_load(self.load.rate)

    async def start_load(self, rate: float) -> None:
        """Send the lesson's scenarios, so many per second."""
        message = await self.load.start(self.lesson, rate)
        self._done(f"{self.load.rate:g} requests/s", message)

    async def stop_load(self) -> None:
        """Send no more requests."""
        self._done("load off", await self.load.stop())

    async def set_flag(self, lesson: Lesson, variant: Variant) -> None:
        """Choose the variant that handles a lesson's routes."""
        path, body = f"/lab/flags/{lesson.name}", {"variant": variant}
        if await self._act("Flag", "PUT", path, body):
            self.flags = self.flags | {lesson.name: variant}
            if variant == "before":
                self.progress = "started"
            self._done(
                f"{lesson.name}: {variant}",
                f"{variant} handles the requests of lesson {lesson.name}.",
            )

    async def collect(self) -> None:
        """Force a garbage collection."""
        if found := await self._act("Collection", "POST", "/lab/gc"):
            returned = count(found["loans_returned"], "connection")
            self._done(
                "collection",
                f"The garbage collector freed {found['unreachable']:,}"
                f" objects, which returned {returned}.",
            )

    async def switch_collector(self, *, on: bool) -> None:
        """Switch Python's automatic garbage collection."""
        if await self._act("Collector", "PUT", "/lab/gc", {"enabled": on}):
            self.collector_on = on
            state = "on" if on else "off"
            hint = "" if on else ": it hides no leak"
            self._done(
                f"collector {state}",
                f"The garbage collector is {state}{hint}.",
            )

    async def switch_provider(self, *, on: bool) -> None:
        """Make the external service of some lessons respond, or hang."""
        if await self._act(
            "Provider", "PUT", "/lab/provider", {"answers": on}
        ):
            self.provider_on = on
            state = "answers" if on else "is silent"
            hint = "" if on else ": its callers wait up to 20 s"
            self._done(f"provider {state}", f"The provider {state}{hint}.")

    async def reclaim(self) -> None:
        """Close leaked connections, and change nothing else."""
        if freed := await self._act("Taking back", "POST", "/lab/reclaim"):
            self.progress = "taken back"
            taken = count(freed["loans_freed"], "leaked connection")
            self._done("taken back", f"Took back {taken}.")

    async def reset(self) -> None:
        """Restore the start state, and count from zero."""
        if body := await self._act(
            "Reset", "POST", "/lab/reset", seconds=RESET_SECONDS
        ):
            self.collector_on = self.provider_on = True
            self.progress = "taken back"
            self.flags = {}
            self.history.count_from_now()
            self._done("reset", _sum_up(Reset.model_validate(body)))

    async def _act(
        self,
        action: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        seconds: float = SECONDS,
    ) -> dict[str, Any] | None:
        """Call the service, one action at a time; None if that failed."""
        if self.action:
            return None
        self._show(self.message, "running")
        self.action = action
        try:
            return await self.control.call(method, path, body, seconds)
        except ControlError as error:
            self._show(str(error), "failed")
            return None
        finally:
            self.action = ""

    def _done(self, mark: str, message: str) -> None:
        """Say what was done, here and in the charts."""
        self._show(message, "done")
        self.history.mark(time.time(), mark)

    def _show(self, message: str, status: Status) -> None:
        self.message, self.status, self.since = message, status, time.time()

    async def _read_flags(self) -> None:
        """Follow the service's flags, and mark each that has changed."""
        since = self.since
        try:
            flags = await self.control.flags()
        except ControlError:
            return
        if self.action or self.since != since:
            return  # they are older than that action
        for name in flags.keys() | self.flags.keys():
            variant = flags.get(name, "after")
            if variant != self.flags.get(name, "after"):
                self.history.mark(time.time(), f"{name}: {variant}")
        self.flags = flags


def _sum_up(done: Reset) -> str:
    pools = ", ".join(f"{n} {name}" for name, n in done.freed_by_pool.items())
    freed = f"Reset: freed {count(done.loans_freed, 'connection')}"
    parts = [f"{freed} ({pools})" if pools else freed]
    if done.backends_ended is not None:
        ended = count(done.backends_ended, "backend")
        parts.append(f"PostgreSQL ended {ended}")
    if done.flags_changed:
        parts.append(f"back to after: {', '.join(done.flags_changed)}")
    if done.backends_left:
        parts.append(f"{count(done.backends_left, 'backend')} still there")
    if done.loans_left:
        parts.append(f"{count(done.loans_left, 'leak')} left: reset again")
    if done.still_running:
        parts.append(f"{count(done.still_running, 'request')} still running")
    return "; ".join(parts) + "."
