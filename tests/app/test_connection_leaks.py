"""The write-up's section 7, done right.

Its fixture makes an engine of its own and watches that one. No request uses
it, so the check passes whatever the service does. This one watches the pools
that the service under test really has.
"""

from asyncio import gather
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle, islice
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

import httpx
import pytest

from app.api import SERVICE
from app.settings import Settings
from tests.conftest import NO_CERTIFICATES, Service

REQUESTS = 1000
PATIENCE = 100
"""Seconds; a generous limit for a busy machine."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Pools as large as in production, 20 + 10 and 20; no wait times out."""
    return settings.model_copy(
        update={
            "pool_workers": 4,
            "pool_connections_per_worker": 3,
            "pool_buffer": 8,
            "pool_timeout": PATIENCE,
        }
    )


@pytest.fixture
def sockets() -> Iterator[None]:
    """Both ends of all connections are files of this one process."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (3 * REQUESTS, hard))
    yield
    setrlimit(RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def clients(
    service: Service,
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Twenty, as httpx looks through a client's connections each time."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=service.client.base_url,
                    verify=NO_CERTIFICATES,
                    timeout=PATIENCE,
                )
            )
            for _ in range(20)
        ]


@asynccontextmanager
async def no_leaks(service: Service) -> AsyncIterator[None]:
    """Let no loan outlive this block."""
    yield
    await service.at_rest()
    assert not [f"leaked at {loan.site}" for loan in service.loans]


@pytest.fixture
async def leakproof(service: Service) -> AsyncIterator[Service]:
    """The service; a test that leaves a connection checked out fails."""
    async with no_leaks(service):
        yield service


async def test_the_fixture_names_the_line_that_leaks(service: Service) -> None:
    with pytest.raises(AssertionError, match=r"orders/before\.py:\d+"):
        async with no_leaks(service):
            await service.client.get("/before/orders")


@pytest.mark.timeout(3 * PATIENCE)
@pytest.mark.usefixtures("sockets")
async def test_nothing_is_left_of_1000_concurrent_requests(
    leakproof: Service, clients: list[httpx.AsyncClient]
) -> None:
    scenarios = [
        scenario for lesson in SERVICE for scenario in lesson.scenarios
    ]
    sent = list(islice(cycle(scenarios), REQUESTS))

    answers = await gather(
        *(
            client.request(
                scenario.method,
                f"/after{scenario.path}",
                json=scenario.body,
            )
            for client, scenario in zip(cycle(clients), sent, strict=False)
        )
    )

    wrong = Counter(
        answer.text
        for answer, scenario in zip(answers, sent, strict=True)
        if answer.status_code != scenario.status
    )
    assert not wrong
    await leakproof.at_rest()
    assert leakproof.loans == []
    assert (await leakproof.backends()).keys() == {"idle"}
