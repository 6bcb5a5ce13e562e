"""Send each lesson's scenarios, and count what they do to the pools.

The service's garbage collector is switched off, so that what it would heal
some day counts as what it is; and before each scenario, the lab is reset. Ways
that need the same settings share a service, whose start takes longer than most
checks. What is counted, and how, is in `faults`. The third way is *before*
with the lesson's trap: what people do instead, and in vain.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product
from operator import attrgetter
from typing import Literal

import httpx
from rich.tree import Tree

from app.lesson import Lesson, Starvation, Variant
from lab.check.faults import Found, provoke
from lab.check.observe import FaultError, control, count_open
from lab.check.target import side_of
from lab.service import Service, ServiceFailedError, running_service

Way = Literal["before", "after", "trap"]

POOL_TIMEOUT = 1
"""Seconds: many requests find an exhausted pool; they need not wait long."""
STARVED_TIMEOUT = 5
"""The same where *after* has requests wait, and none may wait in vain."""
REQUEST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one scenario, sent so many times, has done."""

    lesson: str
    way: Way
    about: str
    """The trap, and why it does not help; else nothing."""
    scenario: str
    found: Found

    @property
    def as_stated(self) -> bool:
        """Whether it did, or did not, what the card says."""
        return self.found.is_as_stated(_variant(self.way))


def run(
    lessons: Sequence[Lesson],
    ways: Sequence[Way],
    requests: int,
    concurrency: int,
    report: Callable[[str], None],
) -> list[Outcome]:
    """Check lessons one by one; report each before it begins.

    Whatever is checked first, the outcomes come in the order of the lessons.

    Raises:
        ServiceFailedError: a service did not start, or answered what it
            should not.

    """
    checks = list(product(lessons, ways))
    outcomes = {}
    for settings, alike in groupby(
        sorted(checks, key=_settings), key=_settings
    ):
        with running_service(**dict(settings)) as service:
            for lesson, way in alike:
                report(f"checking {lesson.name}, {way} …")
                outcomes[lesson.name, way] = asyncio.run(
                    _check(service, lesson, way, requests, concurrency)
                )
    return [
        outcome
        for lesson, way in checks
        for outcome in outcomes[lesson.name, way]
    ]


def tree(outcomes: Sequence[Outcome]) -> Tree:
    """Lay the outcomes out for a terminal, each with its lines of code."""
    root = Tree("leaked connections", hide_root=True)
    for (lesson, way, about), group in groupby(
        outcomes, key=attrgetter("lesson", "way", "about")
    ):
        branch = root.add(f"[bold]{lesson}[/bold] {way}{about}")
        for outcome in group:
            leaf = branch.add(
                f"{'✓' if outcome.as_stated else '✗'} {outcome.scenario}:"
                f" {outcome.found}"
            )
            for site, count in outcome.found.sites.items():
                leaf.add(f"{count} × {site}")
    return root


async def _check(
    service: Service,
    lesson: Lesson,
    way: Way,
    requests: int,
    concurrency: int,
) -> list[Outcome]:
    try:
        async with httpx.AsyncClient(
            base_url=service.url,
            headers=service.headers,
            # The server closes what was idle for 5 s, perhaps just then.
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=0
            ),
            timeout=REQUEST_SECONDS,
            trust_env=False,
        ) as client:
            outcomes = []
            trap = lesson.trap
            about = f": {trap.what}; {trap.why}" if way == "trap" else ""
            for scenario in lesson.scenarios:
                await control(client, "POST", "/lab/reset")
                await control(client, "PUT", "/lab/gc", {"enabled": False})
                found = await provoke(
                    client,
                    side_of(_variant(way)),
                    scenario,
                    requests,
                    concurrency,
                )
                if way == "trap" and trap.collects:
                    await control(client, "POST", "/lab/gc")
                    found = replace(found, count=await count_open(client))
                outcomes.append(
                    Outcome(lesson.name, way, about, scenario.name, found)
                )
            return outcomes
    except (httpx.HTTPError, FaultError) as error:
        log = service.log_tail
        message = f"{lesson.name}, {way}: {error!r}\n{log}"
        raise ServiceFailedError(message) from error


def _variant(way: Way) -> Variant:
    return "before" if way == "trap" else way


def _settings(check: tuple[Lesson, Way]) -> list[tuple[str, str]]:
    lesson, way = check
    starves = any(isinstance(each, Starvation) for each in lesson.scenarios)
    patient = starves and way == "after"
    timeout = STARVED_TIMEOUT if patient else POOL_TIMEOUT
    trap = lesson.trap.settings if way == "trap" else {}
    return sorted(({"POOL_TIMEOUT": str(timeout)} | trap).items())
