"""Each lesson keeps what its card promises, before and after.

Each scenario is sent to either variant once, with each driver. All claims are
held against that one recording.
"""

import asyncio
import gc
import re
from dataclasses import dataclass
from math import inf
from pathlib import Path

import httpx
import pytest
from anyio._backends._asyncio import WorkerThread

from app.api import LESSONS
from app.lesson import Lesson, Scenario, Starvation
from app.settings import Settings
from lab.check import sending
from lab.check.faults import NO_POOL, FaultCount, provoke
from lab.check.target import AFTER, BEFORE, Target
from lab.load.request import Answer
from tests.app.web.test_openapi import declared
from tests.conftest import (
    Service,
    lab_settings,
    running,
)
from tests.garbage import ignored_warnings, without_collector

REQUESTS = 2
"""Fewer than any pool has connections."""
HASTY = 0.3
"""The pool timeout where requests starve, in seconds."""
PATIENCE = 10
"""Seconds until a closed connection must be gone."""

pytestmark = [
    pytest.mark.parametrize(
        "recording",
        [
            pytest.param((lesson, driver), id=f"{lesson.name}, {driver}")
            for lesson in LESSONS
            for driver in ("asyncpg", "psycopg")
        ],
        indirect=True,
    ),
    # The drivers warn of what the garbage collector finds.
    pytest.mark.filterwarnings(
        "ignore:The garbage collector is trying to clean up",
        "ignore:unclosed connection:ResourceWarning",
        "ignore:.*was deleted while still open:ResourceWarning",
    ),
]


@dataclass(frozen=True, slots=True)
class Sent:
    """What one variant did with a scenario."""

    scenario: Scenario
    found: FaultCount
    answers: list[Answer]
    left: int
    """Open loans, and connections of no pool, after the requests."""
    kept: int
    """The same after a garbage collection."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What both variants did with each scenario of a lesson."""

    lesson: Lesson
    before: list[Sent]
    after: list[Sent]


@pytest.fixture(scope="module")
def recording(
    request: pytest.FixtureRequest,
    database_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Recording:
    """One lesson with one driver."""
    lesson, driver = request.param
    folder = tmp_path_factory.mktemp("recording")
    settings = lab_settings(database_url, driver, folder)
    with pytest.MonkeyPatch.context() as patch:
        # anyio ends a thread that was idle for ten seconds, and with it what
        # the thread keeps. On a busy machine, that is between two requests.
        patch.setattr(WorkerThread, "MAX_IDLE_TIME", inf)
        return asyncio.run(record(lesson, settings))


async def record(lesson: Lesson, settings: Settings) -> Recording:
    """Send each scenario to either variant of one service."""
    hasty = settings.model_copy(
        update={
            "pool_timeout": HASTY,
            # Its connections are counted by this name.
            "application_name": f"{settings.application_name} hasty",
        }
    )
    before = []
    with without_collector():
        async with running(settings) as service:
            # Orders that other tests have processed become new again.
            await service.client.post("/lab/reset")
            for scenario in lesson.scenarios:
                if isinstance(scenario, Starvation):
                    async with running(hasty) as starved:
                        sent = await send(starved, lesson, scenario, BEFORE)
                else:
                    sent = await send(service, lesson, scenario, BEFORE)
                before.append(sent)
            after = [
                await send(service, lesson, scenario, AFTER)
                for scenario in lesson.scenarios
            ]
    return Recording(lesson, before, after)


async def send(
    service: Service, lesson: Lesson, scenario: Scenario, target: Target
) -> Sent:
    """Send a scenario, and count what it leaves open; then reset."""
    answers: list[Answer] = []
    send_once = sending.send_once

    async def recorded(
        client: httpx.AsyncClient, target: Target, scenario: Scenario
    ) -> Answer:
        answers.append(await send_once(client, target, scenario))
        return answers[-1]

    if isinstance(scenario, Starvation):  # alone, it finds a connection
        await recorded(service.client, target, scenario)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "send_once", recorded)
        found = await provoke(
            service.client, target, scenario, REQUESTS, REQUESTS
        )
    left = await open_connections(service)
    kept = left if lesson.heals_by in {"never", "thread"} else 0
    kept = await open_after_collection(service, kept)
    reset = await service.client.post("/lab/reset")
    assert reset.json()["loans_left"] == reset.json()["backends_left"] == 0
    return Sent(scenario, found, answers, left, kept)


async def open_connections(service: Service) -> int:
    """Count open loans, and connections that no pool knows."""
    counted = (await service.client.get("/lab/backends")).json()
    strays: int = counted["backends"] - counted["pooled"]
    return len(service.loans) + strays


async def open_after_collection(service: Service, expected: int) -> int:
    """Collect garbage, and count again, once a closed backend has ended."""
    with ignored_warnings():
        gc.collect()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while (left := await open_connections(service)) != expected:
        if loop.time() > deadline:
            break
        await asyncio.sleep(0.01)
    return left


def test_before_has_its_fault_as_often_as_stated(recording: Recording) -> None:
    for sent in recording.before:
        name, found = sent.scenario.name, sent.found
        if found.expected is None:
            assert found.count > 0, f"{name}: {found}"
        else:
            assert found.count == found.expected, f"{name}: {found}"


def test_after_has_no_fault_and_leaves_nothing_open(
    recording: Recording,
) -> None:
    for sent in recording.after:
        assert sent.found.count == 0, f"{sent.scenario.name}: {sent.found}"
        assert sent.left == 0, sent.scenario.name


def test_both_return_the_same(recording: Recording) -> None:
    for before, after in zip(recording.before, recording.after, strict=True):
        scenario, first, fixed = before.scenario, before.answers[0], after
        statuses = {answer.status for answer in fixed.answers}
        assert statuses == {first.status} == {scenario.status}, scenario.name
        assert first.content_type == fixed.answers[0].content_type, (
            scenario.name
        )
        assert first.content == fixed.answers[0].content, scenario.name


def test_the_document_declares_what_both_return(recording: Recording) -> None:
    for prefix, sides in (
        ("/before", recording.before),
        ("/after", recording.after),
    ):
        for sent in sides:
            if sent.scenario.method == "WEBSOCKET":
                continue  # OpenAPI has no words for it
            for answer in sent.answers:
                kinds = declared(sent.scenario, prefix, answer.status)
                assert answer.content_type.partition(";")[0] in kinds, answer


def test_the_call_sites_are_the_lines_below_the_marks(
    recording: Recording,
) -> None:
    """A poolwatch report leads to the mark; starving leaves no loan behind."""
    sites = {
        site
        for sent in recording.before
        if not isinstance(sent.scenario, Starvation)
        for site in sent.found.sites
        if site != NO_POOL
    }
    if not sites:
        assert any(
            isinstance(sent.scenario, Starvation) or sent.scenario.strays
            for sent in recording.before
        )
        return
    [file] = {site.partition(":")[0] for site in sites}
    assert file.endswith(f"/{recording.lesson.name}/before.py")
    lines = [int(re.findall(r":(\d+) ", site)[0]) for site in sites]
    assert sorted(line - 1 for line in lines) == marks(Path(file))


def marks(file: Path) -> list[int]:
    """The numbers of the lines that say what leaks."""
    lines = file.read_text().splitlines()
    return [n for n, line in enumerate(lines, start=1) if "# LEAK" in line]


def test_is_healed_by_what_the_card_says(recording: Recording) -> None:
    for sent in recording.before:
        if isinstance(sent.scenario, Starvation):
            continue
        heals = recording.lesson.heals_by
        kept = sent.left if heals in {"never", "thread"} else 0
        assert sent.kept == kept, f"{sent.scenario.name}: {sent.left} open"
