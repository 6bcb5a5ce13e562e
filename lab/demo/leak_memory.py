"""What a leaked connection costs in memory, where nothing else happens.

Under load, requests that wait take more memory than what has leaked, and what
is freed is not given back to the system. So sessions are leaked one after
another, in a service that was freshly started and has its collector off.
"""

from collections.abc import Callable

import aiohttp

from lab.reading import Reader
from lab.report.record import LeakStep
from lab.service import Service

LEAKS = 20
"""The engine lends thirty."""
WARM_UP = 20
"""Requests to *after* before that, which compile the same statements."""
PATIENCE = 10


async def leak_one_by_one(
    service: Service, lookout: str, dsn: str, progress: Callable[[int], None]
) -> list[LeakStep]:
    """Leak, and read the memory of both sides each time."""
    steps: list[LeakStep] = []
    async with (
        Reader(lookout, service.url, service.token, dsn) as reader,
        aiohttp.ClientSession(
            service.url,
            headers=service.headers,
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
            raise_for_status=True,
        ) as http,
    ):
        for _ in range(WARM_UP):
            await _get(http, "/after/orders/1")
        async with http.put("/lab/gc", json={"enabled": False}):
            pass
        while len(steps) <= LEAKS:
            reading = await reader.read()
            leaked = sum(pool.leaks for pool in reading.pools)
            steps.append(
                LeakStep(leaked, reading.service_bytes, reading.backends_bytes)
            )
            progress(leaked)
            await _get(http, "/before/orders/1")
    return steps


async def _get(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        await answer.read()
