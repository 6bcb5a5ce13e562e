"""Steps of a check beside the faults of its scenarios.

Each returns the flaw that it found, or None.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from app.lesson import Lesson, Scenario
from lab.check.observe import FaultError, control, read_loans, wait_until_idle
from lab.check.sending import send, send_once
from lab.check.target import AFTER, Target
from lab.load.request import Answer
from lab.workshop.clues import Clues
from lab.workshop.compare import compare_answers, compare_rows
from lab.workshop.reasons import reason_for
from lab.workshop.result import Flaw, FlawKind
from lab.workshop.writes import DatabaseObserver, Rows

REQUESTS = 10
AT_ONCE = 5
PULSE_SECONDS = 5
"""Limit for a health check while a request waits for a lock."""
NOT_THERE = (FaultError, httpx.HTTPError)
"""Raised where the service does not respond as every right fix does."""


@dataclass(frozen=True, slots=True)
class Probes:
    """Sends requests to the service, and observes its database.

    `client` may use the control endpoints; `error` returns the last failure
    in the service's log.
    """

    lesson: Lesson
    client: httpx.AsyncClient
    observer: DatabaseObserver
    error: Callable[[], str]

    @property
    def target(self) -> Target:
        """The routes of the file; it may respond with any status."""
        name = f"exercise/{self.lesson.name}"
        return Target(name, f"/{name}", tolerated=None, strays=(0, 1))

    @property
    def _typical(self) -> list[Scenario]:
        """One successful scenario of each route."""
        routes = {
            (each.method, each.path.partition("?")[0]): each
            for each in reversed(self.lesson.scenarios)
            if each.status < HTTPStatus.BAD_REQUEST
        }
        return list(routes.values())

    async def reset(self) -> None:
        """Free leaked connections, and unload the file.

        A reset switches the garbage collector on, which could hide the next
        leak; so it is switched off again.
        """
        await control(self.client, "POST", "/lab/reset")
        await control(self.client, "PUT", "/lab/gc", {"enabled": False})

    async def clean(self) -> None:
        """Reset only where something was left: a reset takes a while."""
        backends = await control(self.client, "GET", "/lab/backends")
        pooled = backends["pooled"]
        strays = (backends["backends"] or pooled) > pooled
        if strays or (await read_loans(self.client)).loans:
            await self.reset()

    async def broken(self) -> Flaw | None:
        """Whether the service can load the file."""
        answer = await self.client.get(self.target.prefix)
        if answer.status_code == HTTPStatus.OK:
            return None
        why = "The service cannot load the file."
        return Flaw("broken", answer.json()["detail"], why)

    async def unlike(self, scenario: Scenario) -> Flaw | None:
        """Whether it responds or writes otherwise than *after*."""
        try:
            got, written = await self._once(self.target, scenario)
        except NOT_THERE as error:
            await self.reset()
            return Flaw(
                "responds differently",
                f"no response: {error or type(error).__name__}",
                "The request does not end: it waits for something forever.",
            )
        await self.clean()
        wanted, expected = await self._once(AFTER, scenario)
        return compare_answers(got, wanted, self.error()) or compare_rows(
            written, expected
        )

    async def _once(
        self, target: Target, scenario: Scenario
    ) -> tuple[Answer, Rows]:
        snapshot = await self.observer.start()
        answer = await send_once(self.client, target, scenario)
        strays = {each * scenario.strays for each in target.strays}
        await wait_until_idle(self.client, strays)
        return answer, await self.observer.written_since(snapshot)

    async def stops_the_loop(self, clues: Clues) -> Flaw | None:
        """Whether other requests wait while one waits for the database."""
        lines = clues.parsed.sleeping_lines()
        if lines:
            what = f"time.sleep() in line {lines[0]}"
        elif all(
            [await self._is_alive_during(each) for each in self._typical]
        ):
            return None
        else:
            what = "no health check responds while a request waits"
        return Flaw(
            "blocks the event loop",
            what,
            reason_for("blocks the event loop", clues),
        )

    async def _is_alive_during(self, scenario: Scenario) -> bool:
        await self.clean()
        alive = True
        async with self.observer.locked():
            asking = asyncio.create_task(
                send_once(self.client, self.target, scenario)
            )
            await self.observer.until_waiting(asking.done)
            try:
                await self.client.get("/healthz", timeout=PULSE_SECONDS)
            except httpx.TimeoutException:
                alive = False
        with suppress(httpx.HTTPError):
            await asking
        return alive

    def unbounded(self, clues: Clues) -> Flaw | None:
        """Whether an acquire that had a timeout has none any more."""
        lines = clues.unbounded_waits
        if not lines:
            return None
        what = f"acquire() without a timeout in line {lines[0]}"
        kind: FlawKind = "waits without a bound"
        return Flaw(kind, what, reason_for(kind, clues))

    async def churns(self, clues: Clues) -> Flaw | None:
        """Whether the server sees more new connections than a pool needs."""
        opened = max([await self._opened(each) for each in self._typical])
        if opened <= AT_ONCE:  # a pool grows to this number
            return None
        return Flaw(
            "opens connections",
            f"{opened} connections opened for {REQUESTS} requests",
            reason_for("opens connections", clues),
        )

    async def _opened(self, scenario: Scenario) -> int:
        before = await self.observer.sessions()
        await send(self.client, self.target, scenario, REQUESTS, AT_ONCE)
        await wait_until_idle(self.client)
        return await self.observer.sessions() - before
