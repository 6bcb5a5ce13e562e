"""One reading of the service and its server, whatever state they are in."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from math import inf

import pytest

from app.database.monitor import STATES
from app.settings import Settings
from lab.reading import Reader, Reading, wait_p95
from tests.conftest import TOKEN, Service, running, until
from tests.garbage import without_collector
from tests.process.command import free_port

AWAY = "http://127.0.0.1:9"
"""Port 9, discard: no program listens there."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With the thread that answers while the event loop is blocked."""
    return settings.model_copy(update={"poolwatch_port": free_port()})


@asynccontextmanager
async def reader_of(service: Service) -> AsyncIterator[Reader]:
    settings = service.database.settings
    async with Reader(
        f"http://127.0.0.1:{settings.poolwatch_port}",
        str(service.client.base_url).rstrip("/"),
        TOKEN,
        settings.direct_dsn,
    ) as reader:
        yield reader


async def whole(reader: Reader) -> Reading:
    """A reading of which a busy machine has left nothing out."""
    readings: list[Reading] = []

    async def is_whole() -> bool:
        readings.append(await reader.read())
        found = readings[-1]
        answered = found.pools and found.wait_buckets and found.service_bytes
        return bool(answered and any(found.server.values()))

    await until(is_whole)
    return readings[-1]


async def read(service: Service) -> Reading:
    async with reader_of(service) as reader:
        return await whole(reader)


async def leak(service: Service, number: int) -> None:
    for _ in range(number):
        await service.client.get("/before/orders/1")
    await service.at_rest()


async def test_shows_each_pool_and_who_holds_its_connections(
    service: Service,
) -> None:
    await leak(service, 3)

    reading = await read(service)

    pools = {pool.name: pool for pool in reading.pools}
    engine = pools["engine"]
    assert (engine.capacity, engine.lent, engine.leaks) == (6, 3, 3)
    assert pools["asyncpg"].lent == 0
    (line,) = reading.lines
    assert (line.state, line.pool, line.loans) == ("leaked", "engine", 3)
    assert "app/orders/before.py" in line.site
    assert line.oldest > 0


async def test_shows_all_six_states_of_the_servers_connections(
    service: Service,
) -> None:
    await leak(service, 3)

    reading = await read(service)

    assert set(reading.server) == set(STATES)
    assert reading.server["idle in transaction"] == 3
    assert reading.server["disabled"] == 0


async def test_counts_requests_and_leaves_out_those_that_look(
    service: Service,
) -> None:
    for path in ("/orders/1", "/orders/1", "/orders?limit=0"):
        await service.client.get(path)
    for path in ("/healthz", "/metrics", "/lab/flags", "/poolwatch/loans"):
        await service.client.get(path)

    reading = await read(service)

    assert (reading.answered, reading.failed) == (3, 0)


async def test_counts_what_failed_and_what_timed_out(
    settings: Settings,
) -> None:
    impatient = settings.model_copy(update={"pool_timeout": 0.05})
    with without_collector():
        async with running(impatient) as service:
            await leak(service, 8)

            reading = await read(service)

    assert (reading.answered, reading.failed, reading.timeouts) == (6, 2, 2)


async def test_goes_on_while_every_pool_is_exhausted(
    service: Service,
) -> None:
    await leak(service, 6)

    reading = await read(service)

    assert {pool.name: pool.lent for pool in reading.pools}["engine"] == 6


async def test_a_service_that_answers_is_alive(service: Service) -> None:
    async with reader_of(service) as reader:

        async def alive() -> bool:
            return (await reader.read()).alive

        await until(alive)


async def test_goes_on_while_the_event_loop_is_blocked(
    service: Service,
) -> None:
    """The service's loop is this one: waiting for a thread blocks it."""
    await leak(service, 3)

    with ThreadPoolExecutor() as threads:
        reading = threads.submit(asyncio.run, read(service)).result(20)

    assert not reading.alive
    assert {pool.name: pool.lent for pool in reading.pools}["engine"] == 3
    assert reading.server["idle in transaction"] == 3
    assert reading.service_bytes > 0


async def test_shows_the_private_memory_of_both_sides(
    service: Service,
) -> None:
    await leak(service, 3)

    reading = await read(service)

    assert reading.service_bytes > 10_000_000
    if reading.backends_bytes is not None:  # not where the server is remote
        assert reading.backends_bytes > 3 * 500_000


async def test_shows_when_the_collector_ran_last(service: Service) -> None:
    async with reader_of(service) as reader:
        before = await whole(reader)
        await service.client.post("/lab/gc")
        after = before

        async def seen() -> bool:
            nonlocal after
            after = await reader.read()
            return after.collections != before.collections

        await until(seen)

    assert after.collections[2] == before.collections[2] + 1
    assert after.last_collection is not None
    assert before.at < after.last_collection < after.at


async def test_keeps_what_it_knew_when_the_service_goes_away(
    settings: Settings,
) -> None:
    with without_collector():
        async with running(settings) as service:
            await leak(service, 2)
            async with reader_of(service) as reader:
                before = await whole(reader)
                reader._poolwatch = reader._service = AWAY

                after = await reader.read()

    assert not after.alive
    assert after.at > before.at
    assert after.pools == before.pools
    assert after.lines == before.lines


async def test_a_service_that_was_never_there_is_empty() -> None:
    async with Reader(AWAY, AWAY, TOKEN, f"postgresql://{AWAY[7:]}/x") as it:
        reading = await it.read()

    assert not reading.alive
    assert not reading.pools
    assert not reading.lines
    assert reading.server == dict.fromkeys(STATES, 0)
    assert reading.backends_bytes is None


async def test_leaves_no_connection_to_the_server(service: Service) -> None:
    name = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'reader'"
    async with reader_of(service) as reader:
        await whole(reader)
        assert await service.database.monitor.fetch(name)

    async def gone() -> bool:
        return not await service.database.monitor.fetch(name)

    await until(gone)


def waits(**counts: int) -> Reading:
    """Waits by bucket: at most 1 s, at most 2 s, longer."""
    short, middle = counts.get("short", 0), counts.get("middle", 0)
    longer = counts.get("longer", 0)
    return Reading(
        at=0,
        wait_buckets={
            1.0: short,
            2.0: short + middle,
            inf: short + middle + longer,
        },
    )


def test_p95_lies_where_it_would_on_a_line_inside_its_bucket() -> None:
    # The 95th of 100 is the 50th of the 100 that took between 1 and 2 s.
    assert wait_p95(waits(), waits(short=90, middle=10)) == 1.5


def test_p95_is_of_the_waits_in_between() -> None:
    earlier, later = waits(short=1000), waits(short=1000, middle=100)

    assert wait_p95(earlier, later) == 1.95


def test_p95_beyond_the_last_bound_is_that_bound() -> None:
    assert wait_p95(waits(), waits(longer=10)) == 2


def test_p95_of_no_waits_is_unknown() -> None:
    assert wait_p95(waits(short=5), waits(short=5)) is None


def test_p95_across_a_restart_is_unknown() -> None:
    assert wait_p95(waits(short=5), waits(middle=3)) is None
