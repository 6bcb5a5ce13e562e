"""Send each lesson's scenarios, and count the connections that stay away.

Each lesson and variant gets a freshly started service whose garbage
collector is switched off, so that what the collector would heal some day
counts as what it is. A connection has leaked if the ledger still has its
loan when every request has ended, or if the server has one that no pool
knows.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import httpx
from rich.tree import Tree

from app.lab.service import Service, ServiceFailedError, running_service
from app.lesson import Lesson, Scenario, Variant
from poolwatch.report import Loans

POOL_TIMEOUT = "1"
"""Seconds: many requests find an exhausted pool; they need not wait long."""
REQUEST_SECONDS = 30
DRAIN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one scenario, sent so many times, has left behind."""

    lesson: str
    variant: Variant
    scenario: str
    requests: int
    leaked: int
    stated: int
    """Leaks that the lesson's card promises."""
    sites: dict[str, int]
    """Leaks by the line that borrowed."""

    @property
    def as_stated(self) -> bool:
        """Whether it leaked, or did not, as the card says."""
        return bool(self.leaked) is bool(self.stated)


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
            with running_service(POOL_TIMEOUT=POOL_TIMEOUT) as service:
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
                f" {outcome.leaked} leaked by {outcome.requests} requests"
            )
            for site, count in outcome.sites.items():
                leaf.add(f"{count} × {site}")
    return root


async def _check(
    service: Service,
    lesson: Lesson,
    variant: Variant,
    requests: int,
    concurrency: int,
) -> list[Outcome]:
    limits = httpx.Limits(max_connections=concurrency)
    try:
        async with httpx.AsyncClient(
            base_url=service.url,
            headers=service.headers,
            limits=limits,
            timeout=httpx.Timeout(REQUEST_SECONDS, pool=None),
        ) as client:
            await _control(client, "PUT", "/lab/gc", {"enabled": False})
            return [
                await _send(client, lesson, variant, scenario, requests)
                for scenario in lesson.scenarios
            ]
    except httpx.HTTPError as error:
        log = service.log.read_text()[-2000:]
        message = f"{lesson.name}, {variant}: {error!r}\n{log}"
        raise ServiceFailedError(message) from error


async def _send(
    client: httpx.AsyncClient,
    lesson: Lesson,
    variant: Variant,
    scenario: Scenario,
    requests: int,
) -> Outcome:
    await _control(client, "POST", "/lab/reset")
    at_start = await _drained(client)
    answers = await asyncio.gather(
        *(
            client.request(
                scenario.method,
                f"/{variant}{scenario.path}",
                json=scenario.body,
            )
            for _ in range(requests)
        )
    )
    at_end = await _drained(client)
    _hold_answers(lesson, variant, scenario, answers)
    strays = at_end.strays - at_start.strays
    return Outcome(
        lesson.name,
        variant,
        scenario.name,
        requests,
        leaked=at_end.sites.total() - at_start.sites.total() + strays,
        stated=scenario.leaks * requests if variant == "before" else 0,
        sites=dict(at_end.sites - at_start.sites)
        | ({"no pool knows them": strays} if strays else {}),
    )


def _hold_answers(
    lesson: Lesson,
    variant: Variant,
    scenario: Scenario,
    answers: Sequence[httpx.Response],
) -> None:
    """A pool that *before* has exhausted may answer 503; nothing else may."""
    allowed = {int(scenario.status)}
    if variant == "before":
        allowed.add(503)
    wrong = {answer.status_code for answer in answers} - allowed
    if wrong:
        message = (
            f"{lesson.name}, {variant}, {scenario.name}: answered "
            f"{sorted(wrong)}, wanted {int(scenario.status)}"
        )
        raise ServiceFailedError(message)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is lent once no request is at work."""

    sites: Counter[str]
    strays: int
    """Connections that the server has and no pool knows."""


async def _drained(client: httpx.AsyncClient) -> Standing:
    """Wait until every request has ended and both sides agree, or give up."""
    for _ in range(DRAIN_SECONDS * 50):
        answer = await _control(client, "GET", "/poolwatch/loans")
        found = Loans.model_validate(answer)
        borrowers = sum(process.borrowers for process in found.processes)
        counted = await _control(client, "GET", "/lab/backends")
        # Behind PgBouncer nobody can say which backends are the service's.
        known = counted["backends"] or counted["pooled"]
        strays = max(0, known - counted["pooled"])
        if not borrowers and not strays:
            break
        await asyncio.sleep(0.02)
    if borrowers:
        message = f"{borrowers} requests do not end"
        raise ServiceFailedError(message)
    sites = Counter(loan.site or "unknown" for loan in found.loans)
    return Standing(sites, strays)


async def _control(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: dict[str, bool] | None = None,
) -> dict[str, Any]:
    answer = await client.request(method, path, json=body)
    answer.raise_for_status()
    return answer.json()  # type: ignore[no-any-return]
