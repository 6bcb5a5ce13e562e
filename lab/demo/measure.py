"""Load one variant for a while, and keep what the report shows.

The service is freshly started, with Python's default garbage collection. The
load comes from a process of its own. It loads *after* first, until caches are
full and pools are open; then the flags send every request to the variant to
measure. Twice a second the service and its server are read, and once a second
a probe requests `/readyz`, as an orchestrator would.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import httpx
import psutil

from app.api import SERVICE
from app.control.waits import WaitTimes
from app.lesson import Variant
from lab.demo.recorder import VariantRecorder
from lab.http import open_client
from lab.load.arrivals import plan_arrivals, send_arrivals
from lab.load.process import run_load
from lab.reading import Reader
from lab.report.demo_run import DemoPlan
from lab.service import Service, ServiceFailedError
from poolwatch.pages.models import LeaksPage

SAMPLE_SECONDS = 0.5
PROBE_SECONDS = 1
FLAG_SECONDS = 5
"""A changed flag takes effect within two seconds."""


async def measure(
    service: Service,
    poolwatch_url: str,
    dsn: str,
    variant: Variant,
    plan: DemoPlan,
    recorder: VariantRecorder,
    progress: Callable[[float, int], None],
) -> None:
    """Load one variant, and record it; an interrupted run keeps its records.

    Args:
        service: freshly started.
        poolwatch_url: its thread that responds while the loop is blocked.
        dsn: the server's URL, for asyncpg.
        variant: what the flags are set to.
        plan: the load.
        recorder: keeps what is measured.
        progress: receives the seconds gone and the connections in use.

    Raises:
        ServiceFailedError: the service ended.
        LoadFailedError: the load failed.

    """
    async with (
        Reader(poolwatch_url, service.url, service.token, dsn) as reader,
        open_client(service.url, service.token, PROBE_SECONDS) as client,
    ):
        await send_arrivals(
            service.url,
            plan_arrivals(plan.rate, plan.seed, plan.warm_up_seconds),
            lambda _: None,
        )
        await _set_flags(client, variant)
        waits = await _waits(client, skip=0)
        recorder.begin(await reader.read(), waits.count if waits else 0)
        load = run_load(
            service.url,
            recorder.add_result,
            rate=plan.rate,
            seed=plan.seed,
            seconds=plan.seconds,
            timeout=plan.request_timeout,
        )
        async with (
            _in_background(load) as loading,
            _in_background(_probe(client, recorder)),
        ):
            while not loading.done():
                await _sample(reader, client, service, poolwatch_url, recorder)
                progress(recorder.gone, recorder.in_use)
                await asyncio.wait({loading}, timeout=SAMPLE_SECONDS)
            loading.result()
        await _sample(reader, client, service, poolwatch_url, recorder)


@asynccontextmanager
async def _in_background(
    work: Coroutine[None, None, None],
) -> AsyncIterator[asyncio.Task[None]]:
    """Run it until the block is left; the caller asks for its error."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _set_flags(client: httpx.AsyncClient, variant: Variant) -> None:
    """Choose a variant, and wait until requests get it."""
    for lesson in SERVICE:
        response = await client.put(
            f"/lab/flags/{lesson.name}", json={"variant": variant}
        )
        response.raise_for_status()
    wanted = {
        f'lab_flag{{lesson="{lesson.name}",variant="{variant}"}} 1.0'
        for lesson in SERVICE
    }
    shown: set[str] = set()
    async with asyncio.timeout(FLAG_SECONDS):
        while not wanted <= shown:
            shown = set((await client.get("/metrics")).text.splitlines())


async def _sample(
    reader: Reader,
    client: httpx.AsyncClient,
    service: Service,
    poolwatch_url: str,
    recorder: VariantRecorder,
) -> None:
    """Take a sample, without the parts that do not respond in time."""
    reading, leaks, lately, in_all = await asyncio.gather(
        reader.read(),
        _get(client, f"{poolwatch_url}/poolwatch/leaks"),
        _waits(client, recorder.waits_seen),
        _waits(client, recorder.waits_before),
    )
    if not reading.alive and not _is_running(service.pid):
        log = service.log_tail
        message = f"the service ended:\n{log}"
        raise ServiceFailedError(message)
    recorder.add_sample(reading, lately)
    if leaks is not None:
        recorder.leaks = LeaksPage.model_validate_json(leaks).sites
    if in_all is not None:
        recorder.waits = in_all


async def _probe(client: httpx.AsyncClient, recorder: VariantRecorder) -> None:
    while True:
        began = time.monotonic()
        ready = await _get(client, "/readyz")
        recorder.probe.add(ready=ready is not None)
        await asyncio.sleep(began + PROBE_SECONDS - time.monotonic())


async def _waits(client: httpx.AsyncClient, skip: int) -> WaitTimes | None:
    times = await _get(client, f"/lab/waits?skip={skip}")
    return None if times is None else WaitTimes.model_validate_json(times)


async def _get(client: httpx.AsyncClient, url: str) -> bytes | None:
    """Return the body, or None if the service does not respond in time."""
    with suppress(httpx.HTTPError):
        response = await client.get(url)
        return response.content if response.is_success else None
    return None


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
