"""Load one variant for a while, and keep what the report shows.

The service is freshly started, its garbage collector left as it is. The load
comes from a process of its own. It is sent to *after* first, until caches are
full and pools open, then the flags send every lesson to the variant that is
measured. Twice a second the service and its server are read, and once a
second a probe asks `/readyz`, as an orchestrator would.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import aiohttp
import psutil

from app.api import SERVICE
from app.control.waits import WaitTimes
from app.lesson import Variant
from lab.demo.recording import Recording
from lab.load.arrivals import plan as plan_arrivals
from lab.load.arrivals import send_arrivals
from lab.load.process import run_load
from lab.reading import Reader
from lab.report.record import Plan
from lab.service import Service, ServiceFailedError
from poolwatch.pages.models import LeaksPage

SAMPLE_SECONDS = 0.5
PROBE_SECONDS = 1
FLAG_SECONDS = 5
"""A flag is followed within two seconds."""

Progress = Callable[[float, int], None]
"""Told the seconds gone, and the connections lent."""


async def measure(
    service: Service,
    lookout: str,
    dsn: str,
    variant: Variant,
    plan: Plan,
    recording: Recording,
    progress: Progress,
) -> None:
    """Load one variant, and record it; what is recorded outlives a Ctrl-C.

    Args:
        service: freshly started.
        lookout: the URL of its thread that is never blocked.
        dsn: the server's URL, for asyncpg.
        variant: who is to answer.
        plan: the load.
        recording: where to keep what is seen.
        progress: told of each sample.

    Raises:
        ServiceFailedError: the service went away.
        LoadFailedError: the load did.

    """
    async with (
        Reader(lookout, service.url, service.token, dsn) as reader,
        aiohttp.ClientSession(
            headers=service.headers,
            timeout=aiohttp.ClientTimeout(total=PROBE_SECONDS),
        ) as http,
    ):
        await send_arrivals(
            service.url,
            plan_arrivals(plan.rate, plan.seed, plan.warm_up_seconds),
            lambda _: None,
        )
        await _set_flags(http, service, variant)
        waits = await _waits(http, service, 0)
        recording.begin(await reader.read(), waits.count if waits else 0)
        load = run_load(
            service.url,
            recording.outcome,
            rate=plan.rate,
            seed=plan.seed,
            seconds=plan.seconds,
            timeout=plan.request_timeout,
        )
        async with (
            _in_background(load) as loading,
            _in_background(_probe(http, service, recording)),
        ):
            while not loading.done():
                await _look(reader, http, service, lookout, recording)
                progress(recording.gone, recording.lent)
                await asyncio.wait({loading}, timeout=SAMPLE_SECONDS)
            loading.result()
        await _look(reader, http, service, lookout, recording)


@asynccontextmanager
async def _in_background(
    work: Coroutine[None, None, None],
) -> AsyncIterator[asyncio.Task[None]]:
    """Do it until the block is left; its error is the asker's."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _set_flags(
    http: aiohttp.ClientSession, service: Service, variant: Variant
) -> None:
    """Choose a variant, and wait until the requests see it."""
    for lesson in SERVICE:
        flag = f"{service.url}/lab/flags/{lesson.name}"
        async with http.put(flag, json={"variant": variant}) as answer:
            answer.raise_for_status()
    wanted = [
        f'lab_flag{{lesson="{lesson.name}",variant="{variant}"}} 1.0'
        for lesson in SERVICE
    ]
    async with asyncio.timeout(FLAG_SECONDS):
        while True:
            async with http.get(f"{service.url}/metrics") as answer:
                shown = await answer.text()
            if all(line in shown for line in wanted):
                return
            await asyncio.sleep(0.05)


async def _look(
    reader: Reader,
    http: aiohttp.ClientSession,
    service: Service,
    lookout: str,
    recording: Recording,
) -> None:
    """Take a sample; what does not answer in time is left out of it."""
    reading, leaks, lately, in_all = await asyncio.gather(
        reader.read(),
        _get(http, f"{lookout}/poolwatch/leaks"),
        _waits(http, service, recording.waits_seen),
        _waits(http, service, recording.waits_before),
    )
    if not reading.alive and not _is_running(service.pid):
        log = service.log.read_text()[-2000:]
        message = f"the service went away:\n{log}"
        raise ServiceFailedError(message)
    recording.sample(reading, lately)
    if leaks is not None:
        recording.leaks = LeaksPage.model_validate_json(leaks).sites
    if in_all is not None:
        recording.waits = in_all


async def _probe(
    http: aiohttp.ClientSession, service: Service, recording: Recording
) -> None:
    """Ask whether it is ready, again and again."""
    while True:
        asked = time.monotonic()
        ready = await _get(http, f"{service.url}/readyz")
        recording.probe.saw(ready=ready is not None)
        await asyncio.sleep(asked + PROBE_SECONDS - time.monotonic())


async def _waits(
    http: aiohttp.ClientSession, service: Service, skip: int
) -> WaitTimes | None:
    page = await _get(http, f"{service.url}/lab/waits?skip={skip}")
    return None if page is None else WaitTimes.model_validate_json(page)


async def _get(http: aiohttp.ClientSession, url: str) -> bytes | None:
    try:
        async with http.get(url) as answer:
            return await answer.read() if answer.ok else None
    except (aiohttp.ClientError, TimeoutError):
        return None


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
