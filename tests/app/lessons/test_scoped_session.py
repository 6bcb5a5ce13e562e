"""A thread keeps its session and its connection until the thread ends."""

import gc

import pytest
from anyio._backends._asyncio import WorkerThread

from app.lessons.scoped_session import lesson
from lab.check.faults import provoke
from lab.check.target import BEFORE
from tests.conftest import Service, until
from tests.garbage import ignored_warnings

AT_ONCE = 3
PARCELS = lesson.scenarios[0]


@pytest.fixture
async def busy(service: Service) -> Service:
    """A service whose idle threads hold connections after their requests."""
    await provoke(service.client, BEFORE, PARCELS, AT_ONCE, AT_ONCE)
    assert len(service.loans) == AT_ONCE
    return service


async def test_connections_return_when_their_idle_threads_end(
    busy: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkerThread, "MAX_IDLE_TIME", 0)

    # anyio ends idle threads when the next request needs a thread.
    await busy.send(PARCELS, "before")

    def one_is_left() -> bool:
        with ignored_warnings():
            gc.collect()
        return len(busy.loans) == 1

    await until(one_is_left)
