"""Each lesson keeps what its card promises: before leaks, after does not."""

import gc
from operator import attrgetter
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api import LESSONS
from app.lesson import Lesson, Scenario
from tests.conftest import Service, ignored_warnings

pytestmark = pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])

each_lesson = pytest.mark.parametrize(
    "lesson", LESSONS, ids=attrgetter("name")
)
each_scenario = pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(scenario, id=f"{lesson.name}: {scenario.name}")
        for lesson in LESSONS
        for scenario in lesson.scenarios
    ],
)


@each_scenario
async def test_before_leaks_as_stated_with_each_request(
    service: Service, scenario: Scenario
) -> None:
    for sent in (1, 2):
        await service.send(scenario, "before")

        leaked = [loan for loan in service.loans if loan.leaked]
        assert len(leaked) == len(service.loans) == sent * scenario.leaks


@each_scenario
async def test_after_leaks_nothing(
    service: Service, scenario: Scenario
) -> None:
    for _ in range(2):
        await service.send(scenario, "after")

    assert not service.loans


@each_scenario
async def test_both_answer_alike(service: Service, scenario: Scenario) -> None:
    before = await service.send(scenario, "before")
    after = await service.send(scenario, "after")

    assert before.status_code == after.status_code == scenario.status
    assert before.headers["content-type"] == after.headers["content-type"]
    assert told_by(before) == told_by(after)


def told_by(answer: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    """The body, less what the database makes up for each new order."""
    body = answer.json()
    if answer.status_code == 201:
        body |= {"id": ..., "created_at": ...}
    return body


@each_lesson
async def test_a_leak_is_borrowed_in_each_line_below_a_mark_and_nowhere_else(
    service: Service, lesson: Lesson
) -> None:
    for scenario in lesson.scenarios:
        await service.send(scenario, "before")

    sites = {loan.site for loan in service.loans if loan.site}
    [file] = {Path(site.file) for site in sites}
    marks = [
        number
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if "# LEAK" in line
    ]
    assert file.parts[-2:] == (lesson.name, "before.py")
    assert sorted(site.line - 1 for site in sites) == marks


@each_lesson
async def test_is_healed_by_what_the_card_says(
    service: Service, lesson: Lesson
) -> None:
    for scenario in lesson.scenarios:
        await service.send(scenario, "before")
    leaked = len(service.loans)

    with ignored_warnings():
        gc.collect()

    assert len(service.loans) == (leaked if lesson.heals_by == "never" else 0)
