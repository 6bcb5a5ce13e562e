"""Send each lesson's scenarios to its versions, and count their faults.

The service's garbage collector is off, so that it returns no leaked
connection before the count. The lab is reset before each scenario. Checks that
need the same settings share a service, because starting one takes longer than
most checks. `faults` defines what is counted. The version *trap* is *before*
with the popular fix that does not help.
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
from lab.check.faults import FaultCount, provoke
from lab.check.observe import FaultError, control, count_open
from lab.check.target import target_of
from lab.http import open_client
from lab.service import Service, ServiceFailedError, running_service

Version = Literal["before", "after", "trap"]

POOL_TIMEOUT = 1
"""Seconds; short, because many requests find an exhausted pool."""
STARVED_TIMEOUT = 5
"""Seconds where requests of *after* wait and none may time out."""
REQUEST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """The faults that one scenario had in one version."""

    lesson: str
    version: Version
    about: str
    """The trap and why it does not help; empty for other versions."""
    scenario: str
    faults: FaultCount

    @property
    def as_expected(self) -> bool:
        """Whether the faults are those that the card states."""
        return self.faults.is_as_expected(_variant(self.version))


def run(
    lessons: Sequence[Lesson],
    versions: Sequence[Version],
    requests: int,
    concurrency: int,
    report: Callable[[str], None],
) -> list[ScenarioResult]:
    """Check lessons one by one; report each before it begins.

    The results are in the order of the lessons.

    Raises:
        ServiceFailedError: a service did not start, or a response was not
            what the card expects.

    """
    checks = list(product(lessons, versions))
    results = {}
    for settings, alike in groupby(
        sorted(checks, key=_settings), key=_settings
    ):
        with running_service(**dict(settings)) as service:
            for lesson, version in alike:
                report(f"checking {lesson.name}, {version} …")
                results[lesson.name, version] = asyncio.run(
                    _check(service, lesson, version, requests, concurrency)
                )
    return [
        result
        for lesson, version in checks
        for result in results[lesson.name, version]
    ]


def tree(results: Sequence[ScenarioResult]) -> Tree:
    """Lay out the results for a terminal, with the lines of code."""
    root = Tree("leaked connections", hide_root=True)
    for (lesson, version, about), group in groupby(
        results, key=attrgetter("lesson", "version", "about")
    ):
        branch = root.add(f"[bold]{lesson}[/bold] {version}{about}")
        for result in group:
            leaf = branch.add(
                f"{'✓' if result.as_expected else '✗'} {result.scenario}:"
                f" {result.faults}"
            )
            for site, count in result.faults.sites.items():
                leaf.add(f"{count} × {site}")
    return root


async def _check(
    service: Service,
    lesson: Lesson,
    version: Version,
    requests: int,
    concurrency: int,
) -> list[ScenarioResult]:
    try:
        async with open_client(
            service.url, service.token, REQUEST_SECONDS
        ) as client:
            results = []
            trap = lesson.trap
            about = f": {trap.what}; {trap.why}" if version == "trap" else ""
            for scenario in lesson.scenarios:
                await control(client, "POST", "/lab/reset")
                await control(client, "PUT", "/lab/gc", {"enabled": False})
                found = await provoke(
                    client,
                    target_of(_variant(version)),
                    scenario,
                    requests,
                    concurrency,
                )
                if version == "trap" and trap.collects:
                    await control(client, "POST", "/lab/gc")
                    found = replace(found, count=await count_open(client))
                results.append(
                    ScenarioResult(
                        lesson.name, version, about, scenario.name, found
                    )
                )
            return results
    except (httpx.HTTPError, FaultError) as error:
        log = service.log_tail
        message = f"{lesson.name}, {version}: {error!r}\n{log}"
        raise ServiceFailedError(message) from error


def _variant(version: Version) -> Variant:
    return "before" if version == "trap" else version


def _settings(check: tuple[Lesson, Version]) -> list[tuple[str, str]]:
    lesson, version = check
    starves = any(isinstance(each, Starvation) for each in lesson.scenarios)
    patient = starves and version == "after"
    timeout = STARVED_TIMEOUT if patient else POOL_TIMEOUT
    trap = lesson.trap.settings if version == "trap" else {}
    return sorted(({"POOL_TIMEOUT": str(timeout)} | trap).items())
