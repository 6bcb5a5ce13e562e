"""Send each lesson's scenarios, and count what they do to the pools.

Each lesson and variant gets a freshly started service whose garbage
collector is switched off, so that what the collector would heal some day
counts as what it is. What is counted, and how, is in `faults`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import httpx
from rich.tree import Tree

from app.lab.faults import FaultError, Found, control, provoke
from app.lab.service import Service, ServiceFailedError, running_service
from app.lesson import Lesson, Starvation, Variant

POOL_TIMEOUT = 1
"""Seconds: many requests find an exhausted pool; they need not wait long."""
STARVED_TIMEOUT = 5
"""The same where *after* has requests wait, and none may wait in vain."""
REQUEST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one scenario, sent so many times, has done."""

    lesson: str
    variant: Variant
    scenario: str
    found: Found

    @property
    def as_stated(self) -> bool:
        """Whether it did, or did not, what the card says."""
        return self.found.is_as_stated(self.variant)


def run(
    lessons: Sequence[Lesson],
    variants: Sequence[Variant],
    requests: int,
    concurrency: int,
    report: Callable[[str], None],
) -> list[Outcome]:
    """Check lessons one by one; report each before it begins.

    Raises:
        ServiceFailedError: a service did not start, or answered what it
            should not.

    """
    outcomes = []
    for lesson in lessons:
        for variant in variants:
            report(f"checking {lesson.name}, {variant} …")
            with running_service(
                POOL_TIMEOUT=_pool_timeout(lesson, variant)
            ) as service:
                outcomes += asyncio.run(
                    _check(service, lesson, variant, requests, concurrency)
                )
    return outcomes


def tree(outcomes: Sequence[Outcome]) -> Tree:
    """Lay the outcomes out for a terminal, each with its lines of code."""
    root = Tree("leaked connections", hide_root=True)
    for (lesson, variant), group in groupby(
        outcomes, key=lambda outcome: (outcome.lesson, outcome.variant)
    ):
        branch = root.add(f"[bold]{lesson}[/bold] {variant}")
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
    variant: Variant,
    requests: int,
    concurrency: int,
) -> list[Outcome]:
    try:
        async with httpx.AsyncClient(
            base_url=service.url,
            headers=service.headers,
            limits=httpx.Limits(max_connections=None),
            timeout=REQUEST_SECONDS,
        ) as client:
            await control(client, "PUT", "/lab/gc", {"enabled": False})
            outcomes = []
            for scenario in lesson.scenarios:
                await control(client, "POST", "/lab/reset")
                found = await provoke(
                    client, variant, scenario, requests, concurrency
                )
                outcomes.append(
                    Outcome(lesson.name, variant, scenario.name, found)
                )
            return outcomes
    except (httpx.HTTPError, FaultError) as error:
        log = service.log.read_text()[-2000:]
        message = f"{lesson.name}, {variant}: {error!r}\n{log}"
        raise ServiceFailedError(message) from error


def _pool_timeout(lesson: Lesson, variant: Variant) -> str:
    starves = any(isinstance(each, Starvation) for each in lesson.scenarios)
    patient = starves and variant == "after"
    return str(STARVED_TIMEOUT if patient else POOL_TIMEOUT)
