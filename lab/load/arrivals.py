"""Open-loop load: requests arrive at a constant rate, whatever happens.

In a closed loop a client waits for a response before it sends the next
request. So it slows down together with the service (Schroeder, Wierman and
Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006). Latencies
counted from the moment of sending leave out the wait before it, which Gil Tene
calls coordinated omission. Here no request waits for another one, and its
latency begins when it was due.

Arrivals are evenly spaced. Those of independent clients would be a Poisson
process, which queues now and then by chance. Without chance the number of
arrivals is exactly the plan's, and each queue is caused by the service.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Literal

import aiohttp

from app.api import SERVICE
from app.lesson import Lesson, Scenario
from lab.load.mix import draw
from lab.load.request import open_session, send_scenario

TIMEOUT = 10.0
"""Seconds from the moment a request was due until its client gives up."""
MOST_OUTSTANDING = 800
"""Requests without a response. Each has a socket here and one in the service,
and by default a process may have 1,024."""

Ending = Literal["ok", "wrong status", "timeout", "disconnected", "not sent"]
"""How a request ended: with its scenario's status, with another status,
without a response in time, with a connection error, or unsent because too many
others were outstanding."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that is due."""

    offset: float
    """Seconds after the load's start."""
    lesson: str
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class RequestResult:
    """How one request ended."""

    offset: float
    """Seconds after the load's start at which it was due."""
    due: float
    """The same, as `time.time()` has it."""
    lateness: float
    """Seconds by which it was sent later: the client's own delay."""
    latency: float
    """Seconds from the due time to the whole response, or to its failure."""
    ending: Ending
    status: int | None
    lesson: str
    scenario: str


def plan_arrivals(
    rate: float,
    seed: int,
    seconds: float | None = None,
    lessons: Sequence[Lesson] = SERVICE,
) -> Iterator[Arrival]:
    """Draw requests from the mix; a seed gives the same ones every time.

    Without `seconds` the plan has no end.
    """
    random = Random(seed)  # noqa: S311 - load
    for number in count():
        offset = number / rate
        if seconds is not None and offset >= seconds:
            return
        lesson, scenario, path = draw(random, lessons)
        yield Arrival(offset, lesson.name, replace(scenario, path=path))


async def send_arrivals(
    url: str,
    arrivals: Iterator[Arrival],
    record: Callable[[RequestResult], None],
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each request
    most_outstanding: int = MOST_OUTSTANDING,
) -> None:
    """Send each request when it is due, and record how it ended.

    Returns when the last one has ended. If cancelled, it drops outstanding
    requests, and leaves no task and no socket.
    """
    loop = asyncio.get_running_loop()
    outstanding = 0
    wall, began = time.time(), loop.time()

    async def follow(session: aiohttp.ClientSession, each: Arrival) -> None:
        nonlocal outstanding
        due = began + each.offset
        lateness = loop.time() - due
        status: int | None = None
        if outstanding >= most_outstanding:
            ending: Ending = "not sent"
        else:
            outstanding += 1
            try:
                async with asyncio.timeout_at(due + timeout):
                    answer = await send_scenario(session, each.scenario)
                    status = answer.status
                right = status == each.scenario.status
                ending = "ok" if right else "wrong status"
            except TimeoutError:
                ending = "timeout"
            except (aiohttp.ClientError, OSError):
                ending = "disconnected"
            finally:
                outstanding -= 1
        record(
            RequestResult(
                offset=each.offset,
                due=wall + each.offset,
                lateness=lateness,
                latency=loop.time() - due,
                ending=ending,
                status=status,
                lesson=each.lesson,
                scenario=each.scenario.name,
            )
        )

    async with open_session(url) as session, asyncio.TaskGroup() as requests:
        for each in arrivals:
            await asyncio.sleep(began + each.offset - loop.time())
            requests.create_task(follow(session, each))
