"""What a leaked connection costs in memory, measured without other load.

Under load, waiting requests take more memory than leaked connections, and
freed memory is not returned to the system. So sessions are leaked one by one,
in a freshly started service whose garbage collector is off.
"""

from collections.abc import Callable

from lab.http import open_client
from lab.reading import Reader
from lab.report.demo_run import LeakStep
from lab.service import Service

LEAKS = 20
"""The engine's pool has thirty connections."""
WARM_UP = 20
"""Requests to *after* first, which compile the same statements."""


async def leak_one_by_one(
    service: Service,
    poolwatch_url: str,
    dsn: str,
    progress: Callable[[int], None],
) -> list[LeakStep]:
    """Leak, and read the memory of both sides each time."""
    steps: list[LeakStep] = []
    async with (
        Reader(poolwatch_url, service.url, service.token, dsn) as reader,
        open_client(service.url, service.token, timeout=10) as client,
    ):

        async def request(path: str) -> None:
            (await client.get(path)).raise_for_status()

        for _ in range(WARM_UP):
            await request("/after/orders/1")
        switched = await client.put("/lab/gc", json={"enabled": False})
        switched.raise_for_status()
        while len(steps) <= LEAKS:
            reading = await reader.read()
            leaked = sum(pool.leaks for pool in reading.pools)
            steps.append(
                LeakStep(leaked, reading.service_bytes, reading.backends_bytes)
            )
            progress(leaked)
            await request("/before/orders/1")
    return steps
