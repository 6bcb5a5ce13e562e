"""Closed-loop load: each user sends its next request after a response.

It measures how many requests a service can answer. It is not a model of
clients: see `arrivals`.
"""

import asyncio
from collections.abc import Callable

import aiohttp

from lab.load.request import open_session

Request = tuple[str, str, object]
"""Method, path and JSON body."""


class RequestFailedError(Exception):
    """A request failed; the benchmark has no result."""


async def send_without_pause(
    url: str, request: Callable[[], Request], users: int, seconds: float
) -> list[float]:
    """Let so many users send requests; return the latencies in seconds.

    Raises:
        RequestFailedError: the service does not respond, or with an error.

    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    latencies: list[float] = []

    async def user(session: aiohttp.ClientSession) -> None:
        while (sent := loop.time()) < end:
            method, path, body = request()
            async with session.request(method, path, json=body) as response:
                await response.read()
                response.raise_for_status()
            latencies.append(loop.time() - sent)

    try:
        async with open_session(url) as session, asyncio.TaskGroup() as group:
            for _ in range(users):
                group.create_task(user(session))
    except* (aiohttp.ClientError, OSError) as failed:
        raise RequestFailedError(repr(failed.exceptions[0])) from failed
    return latencies
