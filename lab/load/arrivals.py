"""Open-loop load: requests arrive at a constant rate, come what may.

A closed loop, where a user waits for an answer before sending the next
request, slows down together with the service: the slower it is, the less it is
asked (Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary
Tale", NSDI 2006). Latencies counted from the moment of sending leave out the
wait before it, which Gil Tene calls coordinated omission. Here nobody waits
for anybody, and a request's latency begins when it was meant to be sent.

Arrivals are evenly spaced. Those of independent customers would be a Poisson
process, which queues now and then by chance; without chance the number of
arrivals is the plan's exactly, and each queue is the service's own doing.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Literal

import aiohttp

from app.api import SERVICE
from app.lesson import Lesson, Scenario

TIMEOUT = 10.0
"""Seconds from the intended start after which a customer has gone."""
MOST_OUTSTANDING = 800
"""Requests without an answer. Each has a socket here and one in the service,
and by default a process may have 1,024."""
KEEP_ALIVE = 2
"""Seconds; less than uvicorn's five, so that it hangs up on no request."""

Fate = Literal["answered", "wrong answer", "timed out", "broken", "not sent"]
"""How a request ended: as its scenario says, with another status, without an
answer in time, with its connection, or before it began, as too many others
were outstanding."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a plan."""

    offset: float
    """Seconds after the load's start."""
    lesson: str
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request."""

    offset: float
    """Seconds after the load's start at which it was meant to be sent."""
    intended: float
    """The same, as `time.time()` has it."""
    lateness: float
    """Seconds by which it was sent later: this client's own fault."""
    latency: float
    """Seconds from the intended start to the whole answer, or to its fate."""
    fate: Fate
    status: int | None
    lesson: str
    scenario: str


def plan(
    rate: float,
    seed: int,
    seconds: float | None = None,
    lessons: Sequence[Lesson] = SERVICE,
) -> Iterator[Arrival]:
    """Draw scenarios, each as likely as the others; the same for a seed.

    Without `seconds` the plan has no end.
    """
    chance = Random(seed)  # noqa: S311 - load
    scenarios = [(x.name, each) for x in lessons for each in x.scenarios]
    for number in count():
        offset = number / rate
        if seconds is not None and offset >= seconds:
            return
        yield Arrival(offset, *chance.choice(scenarios))


async def send_arrivals(
    url: str,
    arrivals: Iterator[Arrival],
    record: Callable[[Outcome], None],
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each request
    most_outstanding: int = MOST_OUTSTANDING,
) -> None:
    """Send each at its time, and record what became of it.

    Ends when the last has its fate. Cancelled, it drops what is outstanding
    and leaves no task and no socket.
    """
    loop = asyncio.get_running_loop()
    outstanding = 0
    wall, began = time.time(), loop.time()

    async def follow(session: aiohttp.ClientSession, each: Arrival) -> None:
        nonlocal outstanding
        intended = began + each.offset
        lateness = loop.time() - intended
        status: int | None = None
        if outstanding >= most_outstanding:
            fate: Fate = "not sent"
        else:
            outstanding += 1
            try:
                async with asyncio.timeout_at(intended + timeout):
                    status = await _send(session, each.scenario)
                right = status == each.scenario.status
                fate = "answered" if right else "wrong answer"
            except TimeoutError:
                fate = "timed out"
            except (aiohttp.ClientError, OSError):
                fate = "broken"
            finally:
                outstanding -= 1
        record(
            Outcome(
                offset=each.offset,
                intended=wall + each.offset,
                lateness=lateness,
                latency=loop.time() - intended,
                fate=fate,
                status=status,
                lesson=each.lesson,
                scenario=each.scenario.name,
            )
        )

    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE)
    async with (
        aiohttp.ClientSession(url, connector=connector) as session,
        asyncio.TaskGroup() as requests,
    ):
        for each in arrivals:
            await asyncio.sleep(began + each.offset - loop.time())
            requests.create_task(follow(session, each))


async def _send(session: aiohttp.ClientSession, scenario: Scenario) -> int:
    if scenario.method == "WEBSOCKET":
        return await _send_to_socket(session, scenario)
    async with session.request(
        scenario.method, scenario.path, json=scenario.body
    ) as answer:
        await answer.read()
        return answer.status


async def _send_to_socket(
    session: aiohttp.ClientSession, scenario: Scenario
) -> int:
    try:
        async with session.ws_connect(scenario.path) as socket:
            await socket.send_str(json.dumps(scenario.body))
            await socket.receive_str()
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status
    except aiohttp.WSMessageTypeError:  # closed, by an error of the service
        return 500
    return 200
