"""What is asked of a file beside its scenarios' faults.

Each probe answers the finding it has made, or None.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from app.lesson import Lesson, Scenario
from lab.check.observe import FaultError, ask_loans, control, drained
from lab.check.sending import Answer, ask, send
from lab.check.target import AFTER, Side
from lab.workshop.clues import Clues
from lab.workshop.explain import explain
from lab.workshop.likeness import compare_answers, compare_rows
from lab.workshop.verdict import Finding
from lab.workshop.written import Observer, Rows

REQUESTS = 10
AT_ONCE = 5
PULSE_SECONDS = 5
"""What a health check may take while a request waits for a lock."""
NOT_THERE = (FaultError, httpx.HTTPError)
"""The service does not do what every right answer does."""


@dataclass(frozen=True, slots=True)
class Probes:
    """Asks the service, and looks at the database from outside.

    `client` may use the control endpoints of the service; `error` answers
    what its log has said last of a failure.
    """

    lesson: Lesson
    client: httpx.AsyncClient
    observer: Observer
    error: Callable[[], str]

    @property
    def side(self) -> Side:
        """Where the file answers; nothing that it answers is a surprise."""
        name = f"exercise/{self.lesson.name}"
        return Side(name, f"/{name}", also=None, strays=(0, 1))

    @property
    def _typical(self) -> list[Scenario]:
        """One scenario of each route, which goes well."""
        routes = {
            (each.method, each.path.partition("?")[0]): each
            for each in reversed(self.lesson.scenarios)
            if each.status < HTTPStatus.BAD_REQUEST
        }
        return list(routes.values())

    async def reset(self) -> None:
        """Free what was leaked; forget what was loaded.

        A reset switches the collector on, which would hide what leaks next.
        """
        await control(self.client, "POST", "/lab/reset")
        await control(self.client, "PUT", "/lab/gc", {"enabled": False})

    async def clean(self) -> None:
        """Reset where anything was left; a reset takes its time."""
        backends = await control(self.client, "GET", "/lab/backends")
        pooled = backends["pooled"]
        strays = (backends["backends"] or pooled) > pooled
        if strays or (await ask_loans(self.client)).loans:
            await self.reset()

    async def broken(self) -> Finding | None:
        """Whether the file can be loaded at all."""
        answer = await self.client.get(self.side.prefix)
        if answer.status_code == HTTPStatus.OK:
            return None
        why = "The service cannot load the file."
        return Finding("broken", answer.json()["detail"], why)

    async def unlike(self, scenario: Scenario) -> Finding | None:
        """Whether it answers, and writes, something else than *after*."""
        try:
            got, written = await self._once(self.side, scenario)
        except NOT_THERE as error:
            await self.reset()
            return Finding(
                "answers otherwise",
                f"no answer: {error or type(error).__name__}",
                "The request does not end: it waits for what does not come.",
            )
        await self.clean()
        wanted, expected = await self._once(AFTER, scenario)
        return compare_answers(got, wanted, self.error()) or compare_rows(
            written, expected
        )

    async def _once(
        self, side: Side, scenario: Scenario
    ) -> tuple[Answer, Rows]:
        moment = await self.observer.renew()
        answer = await ask(self.client, side, scenario)
        strays = {each * scenario.strays for each in side.strays}
        await drained(self.client, strays)
        return answer, await self.observer.written_since(moment)

    async def stops_the_loop(self, clues: Clues) -> Finding | None:
        """Whether others wait while a request waits for the database."""
        lines = clues.source.sleeping_lines()
        if lines:
            what = f"time.sleep() in line {lines[0]}"
        elif all(
            [await self._is_alive_during(each) for each in self._typical]
        ):
            return None
        else:
            what = "no health check is answered while a request waits"
        return Finding(
            "stops the loop", what, explain("stops the loop", clues)
        )

    async def _is_alive_during(self, scenario: Scenario) -> bool:
        await self.clean()
        alive = True
        async with self.observer.locked():
            asking = asyncio.create_task(ask(self.client, self.side, scenario))
            await self.observer.until_waiting(asking.done)
            try:
                await self.client.get("/healthz", timeout=PULSE_SECONDS)
            except httpx.TimeoutException:
                alive = False
        with suppress(httpx.HTTPError):
            await asking
        return alive

    async def churns(self, clues: Clues) -> Finding | None:
        """Whether the server sees connections that the pool would spare."""
        opened = max([await self._opened(each) for each in self._typical])
        if opened <= AT_ONCE:  # a pool grows to what is borrowed at once
            return None
        return Finding(
            "connects anew",
            f"{opened} connections opened for {REQUESTS} requests",
            explain("connects anew", clues),
        )

    async def _opened(self, scenario: Scenario) -> int:
        before = await self.observer.sessions()
        await send(self.client, self.side, scenario, REQUESTS, AT_ONCE)
        await drained(self.client)
        return await self.observer.sessions() - before
