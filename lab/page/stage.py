"""What all who look at the page share: one lesson, one load, one last word.

A room has one service. Whoever works it from a phone, the projector follows.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from app.api import LESSONS
from app.lesson import Lesson, Variant
from lab.page.history import History, Presence
from lab.page.load import Load
from lab.page.remote import Remote, RemoteError
from lab.reading import Reader

logger = logging.getLogger(__name__)

SECONDS = 1.0
"""Between two readings."""
BLOCKED_SECONDS = 0.5
"""A loop that is later than this is blocked, and not only busy."""
PATIENT_SECONDS = 2.0
"""After which the page says that it still waits for something."""

Mood = Literal["done", "under way", "wrong"]


@dataclass(slots=True)
class Stage:
    """The state of the page's process; its browsers only show it."""

    reader: Reader
    remote: Remote
    load: Load
    history: History = field(default_factory=History)
    lesson: Lesson = LESSONS[0]
    flags: dict[str, str] = field(default_factory=dict)
    """Who answers each lesson, as the service says; *after* if it does not."""
    away_since: float | None = None
    said: str = "Choose a lesson, let before answer it, and start the load."
    mood: Mood = "done"
    busy: bool = False
    """Whether something is under way, so that nothing else may begin."""
    collects: bool = True
    provider_answers: bool = True

    def variant(self, lesson: Lesson) -> str:
        """Who answers this lesson's routes."""
        return self.flags.get(lesson.name, "after")

    async def watch(self) -> None:
        """Read the service again and again, until cancelled."""
        while True:
            began = time.monotonic()
            try:
                await self._look()
            except Exception:
                # Whatever a reading meets, the page goes on with the next.
                logger.exception("a reading has failed")
            gone = time.monotonic() - began
            await asyncio.sleep(max(0.0, SECONDS - gone))

    async def _look(self) -> None:
        """Take one reading, and see whether the service is there."""
        reading = await self.reader.read()
        presence = await self._presence(reading.alive, reading.loop_lag)
        self.history.add(reading, presence)
        if presence == "answers":
            if self.away_since is not None:  # it was started anew
                self.collects = self.provider_answers = True
                self.away_since = None
            await self._follow_flags()
        elif presence == "away" and self.away_since is None:
            self.away_since = reading.at

    async def choose(self, lesson: Lesson) -> None:
        """Turn to a lesson; a load that is on turns as well."""
        self.lesson = lesson
        if self.load.is_on:
            await self.start_load(self.load.rate)

    async def start_load(self, rate: float) -> None:
        """Send the lesson's scenarios, so many a second."""
        self._say(await self.load.start(self.lesson, rate))
        self._mark(f"{rate:g} requests/s")

    async def stop_load(self) -> None:
        """Send nothing more."""
        self._say(await self.load.stop())
        self._mark("load off")

    async def set_flag(self, lesson: Lesson, variant: Variant) -> None:
        """Choose who answers a lesson."""
        if await self._act(
            f"{lesson.name}: {variant}",
            lambda: self.remote.set_flag(lesson, variant),
        ):
            await self._follow_flags()

    async def collect(self) -> None:
        """Force a garbage collection."""
        if await self._act("Collection", self.remote.collect):
            self._mark("collection")

    async def switch_collector(self, on: bool) -> None:  # noqa: FBT001
        """Let the collector run by itself, or not."""
        if await self._act(
            "Collector", lambda: self.remote.switch_collector(on=on)
        ):
            self.collects = on
            self._mark(f"collector {'on' if on else 'off'}")

    async def switch_provider(self, answers: bool) -> None:  # noqa: FBT001
        """Let the provider answer, or not."""
        if await self._act(
            "Provider", lambda: self.remote.switch_provider(answers=answers)
        ):
            self.provider_answers = answers
            self._mark(f"provider {'answers' if answers else 'silent'}")

    async def reclaim(self) -> None:
        """Take back what is leaked, and nothing else."""
        if await self._act("Taking back", self.remote.reclaim):
            self._mark("taken back")

    async def reset(self) -> None:
        """Put all back, and count from zero."""
        if await self._act("Reset", self.remote.reset):
            self.collects = self.provider_answers = True
            self.flags = {}
            self._mark("reset")
            self.history.count_from_now()

    async def _act(self, name: str, do: Callable[[], Awaitable[str]]) -> bool:
        """Do one thing at a time, and say what it did."""
        if self.busy:
            return False
        self.busy = True
        self._say(f"{name}: under way …", "under way")
        still = asyncio.create_task(self._say_that_it_waits(name))
        try:
            self._say(await do())
        except RemoteError as error:
            self._say(str(error), "wrong")
            return False
        finally:
            still.cancel()
            self.busy = False
        return True

    def _mark(self, words: str) -> None:
        self.history.mark(time.time(), words)

    def _say(self, words: str, mood: Mood = "done") -> None:
        self.said, self.mood = words, mood

    async def _say_that_it_waits(self, name: str) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(PATIENT_SECONDS)
            gone = time.monotonic() - began
            now = self.history.now
            why = (
                "the service's event loop is blocked; its turn comes when"
                " that ends"
                if now and now.presence == "blocked"
                else "the service works on it"
            )
            self._say(f"{name}: {gone:.0f} s so far, {why}.", "under way")

    async def _presence(self, alive: bool, lag: float) -> Presence:  # noqa: FBT001
        if alive:
            return "answers"
        if not await self.remote.is_looking_out():
            return "away"
        return "blocked" if lag > BLOCKED_SECONDS else "answers"

    async def _follow_flags(self) -> None:
        """See what the flags say, and mark what has changed."""
        if self.busy:
            return
        try:
            flags = await self.remote.flags()
        except RemoteError:
            return
        for name in flags.keys() | self.flags.keys():
            said = flags.get(name, "after")
            if said != self.flags.get(name, "after"):
                self._mark(f"{name}: {said}")
        self.flags = flags
