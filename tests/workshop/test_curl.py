"""The lines that `start` prints work when they are pasted."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from app import orders
from app.api import LESSONS
from app.lesson import Lesson
from app.lessons import auth_dependency, stream, websocket
from lab.workshop.curl import HOLDING, lines_for
from lab.workshop.exercise import start
from tests.conftest import TOKEN, Service, until
from tests.process.command import ROOT
from tests.programs import program

# At the end, leaks are collected, and SQLAlchemy warns of them.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up"
)
STATUS_ALONE = "-s -o /dev/null -w '%{http_code}'"


def lines(service: Service, lesson: Lesson) -> dict[str, str]:
    """Return the command of each heading."""
    start(lesson)
    port = service.client.base_url.port
    assert port is not None
    printed = [*lines_for(lesson, port)]
    return dict(zip(printed[::2], printed[1::2], strict=True))


@asynccontextmanager
async def pasted(line: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a line in the project's folder, and return its output."""
    shell = await asyncio.create_subprocess_shell(
        line, cwd=ROOT, stdout=PIPE, start_new_session=True
    )
    assert shell.stdout is not None
    try:
        async with asyncio.timeout(60):
            yield shell.stdout
    finally:
        # End every process that the line started: a WebSocket stays open.
        with suppress(ProcessLookupError):  # it may have ended already
            os.killpg(shell.pid, signal.SIGKILL)
        await shell.wait()


async def test_an_http_request_has_the_printed_status(
    service: Service,
) -> None:
    program("curl", "curl")
    asked = lines(service, orders.lesson)
    answered = {}

    for heading, line in asked.items():
        async with pasted(f"{line} {STATUS_ALONE}") as told:
            answered[heading] = (await told.read()).decode()

    assert answered == {each: each.rpartition(": ")[2] for each in asked}


def test_no_command_comes_twice() -> None:
    for lesson in LESSONS:
        printed = [*lines_for(lesson, 8000)]
        commands = [line for line in printed if not line.startswith("#")]

        assert len(commands) == len({*commands}), lesson.name
        assert len(printed) == 2 * len(commands), lesson.name


@pytest.mark.parametrize("lesson", [stream.lesson, auth_dependency.lesson])
async def test_the_requests_of_a_lesson_that_holds_wait_and_hold(
    service: Service, monkeypatch: pytest.MonkeyPatch, lesson: Lesson
) -> None:
    program("curl", "curl")
    monkeypatch.setenv("TOKEN", TOKEN)
    start(lesson)
    port = service.client.base_url.port
    assert port is not None
    hold, resume = [
        line for line in lines_for(lesson, port) if "/lab/provider" in line
    ]

    async with pasted(f"{hold}; wait"):
        await until(lambda: len(service.loans) == HOLDING)
        async with pasted(resume) as told:
            assert b"true" in await told.read()
        await until(lambda: not service.loans)


async def test_a_websocket_gets_a_message_and_stays_open(
    service: Service,
) -> None:
    asked = lines(service, websocket.lesson)

    async with pasted(
        asked[f"# {websocket.lesson.scenarios[0].name}"]
    ) as told:
        await told.readuntil(b"near ")

        [loan] = service.loans
        assert not loan.leaked
