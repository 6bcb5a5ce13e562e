"""Each lesson keeps what its card promises, before and after."""

import asyncio
import gc
import re
from collections.abc import AsyncIterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api import LESSONS
from app.lesson import Lesson, Scenario, Starvation
from app.settings import Settings
from lab.check.faults import NO_POOL, provoke
from lab.check.target import AFTER, BEFORE
from tests.conftest import (
    Service,
    ignored_warnings,
    running,
    without_collector,
)

pytestmark = [
    pytest.mark.parametrize("driver", ["asyncpg", "psycopg"]),
    # A reset forces the collector, which complains of what it finds.
    pytest.mark.filterwarnings(
        "ignore:The garbage collector is trying to clean up",
        "ignore:unclosed connection:ResourceWarning",
        "ignore:.*was deleted while still open:ResourceWarning",
    ),
]

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)
SCENARIOS = [
    pytest.param(scenario, id=f"{lesson.name}: {scenario.name}")
    for lesson in LESSONS
    for scenario in lesson.scenarios
]
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)
each_that_starves = pytest.mark.parametrize(
    "scenario",
    [each for each in SCENARIOS if isinstance(each.values[0], Starvation)],
)
each_that_does_not = pytest.mark.parametrize(
    "scenario",
    [each for each in SCENARIOS if not isinstance(each.values[0], Starvation)],
)
REQUESTS = 2
"""Fewer than any pool has connections."""


@pytest.fixture
async def impatient(settings: Settings) -> AsyncIterator[Service]:
    """A service whose pools let nobody wait for long."""
    hasty = settings.model_copy(update={"pool_timeout": 0.3})
    with without_collector():
        async with running(hasty) as service:
            yield service


@each_that_does_not
async def test_before_leaks_or_holds_as_stated_with_each_request(
    service: Service, scenario: Scenario
) -> None:
    found = await provoke(service.client, BEFORE, scenario, REQUESTS, REQUESTS)

    assert found.count == found.stated


@each_that_does_not
async def test_after_leaks_and_holds_nothing(
    service: Service, scenario: Scenario
) -> None:
    found = await provoke(service.client, AFTER, scenario, REQUESTS, REQUESTS)

    assert found.count == 0
    assert not service.loans


@each_that_starves
async def test_before_starves(impatient: Service, scenario: Scenario) -> None:
    found = await provoke(impatient.client, BEFORE, scenario, 0, 0)

    assert found.count > 0


@each_that_starves
async def test_after_does_not_starve(
    service: Service, scenario: Scenario
) -> None:
    found = await provoke(service.client, AFTER, scenario, 0, 0)

    assert found.count == 0


@each_scenario
async def test_both_answer_alike(service: Service, scenario: Scenario) -> None:
    before = await service.send(scenario, "before")
    await service.client.post("/lab/reset")  # which may have left a lock
    after = await service.send(scenario, "after")

    assert before.status_code == after.status_code == scenario.status
    assert before.headers["content-type"] == after.headers["content-type"]
    assert told_by(before) == told_by(after)


def told_by(answer: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    """The body, less what the database makes up for each new order."""
    if "json" not in answer.headers["content-type"]:
        return answer.text
    body = answer.json()
    if answer.status_code == 201:
        body |= {"id": ..., "created_at": ...}
    return body


@each_lesson
async def test_a_loan_is_borrowed_in_each_line_below_a_mark_and_nowhere_else(
    service: Service, lesson: Lesson
) -> None:
    """A poolwatch report leads to the mark; starving leaves no loan behind."""
    sites = {
        site
        for scenario in lesson.scenarios
        if not isinstance(scenario, Starvation)
        for site in await sites_of(service, scenario)
    }
    if not sites:
        assert any(
            isinstance(scenario, Starvation) or scenario.strays
            for scenario in lesson.scenarios
        )
        pytest.skip("nothing is lent any more when its requests have ended")

    [file] = {site.partition(":")[0] for site in sites}
    assert file.endswith(f"/{lesson.name}/before.py")
    lines = [int(re.findall(r":(\d+) ", site)[0]) for site in sites]
    assert sorted(line - 1 for line in lines) == marks(Path(file))


async def sites_of(service: Service, scenario: Scenario) -> set[str]:
    """The lines that have borrowed, sent to a service that lends nothing."""
    await service.client.post("/lab/reset")
    found = await provoke(service.client, BEFORE, scenario, 1, 1)
    return {site for site in found.sites if site != NO_POOL}


def marks(file: Path) -> list[int]:
    """The numbers of the lines that say what leaks."""
    lines = file.read_text().splitlines()
    return [n for n, line in enumerate(lines, start=1) if "# LEAK" in line]


@each_lesson
async def test_is_healed_by_what_the_card_says(
    service: Service, lesson: Lesson
) -> None:
    for scenario in lesson.scenarios:
        if not isinstance(scenario, Starvation):
            await service.send(scenario, "before")
    leaked = await left_open(service)

    with ignored_warnings():
        gc.collect()

    left = leaked if lesson.heals_by in {"never", "thread"} else 0
    async with asyncio.timeout(20):
        while await left_open(service) != left:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def left_open(service: Service) -> int:
    """Connections that are lent, and those that no pool knows."""
    counted = (await service.client.get("/lab/backends")).json()
    strays: int = counted["backends"] - counted["pooled"]
    return len(service.loans) + strays
