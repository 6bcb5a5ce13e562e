"""Alive is not ready, busy is not exhausted, and looking borrows nothing."""

import asyncio

import pytest

from poolwatch import Book, Listener
from tests.conftest import Service


class Borrowers(Listener):
    """Notes each attempt to borrow."""

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def waited(self, book: Book, seconds: float) -> None:  # noqa: ARG002
        self.attempts.append(book.name)


@pytest.mark.parametrize("probe", ["/healthz", "/readyz"])
async def test_is_alive_and_ready(production: Service, probe: str) -> None:
    answer = await production.client.get(probe)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_busy_pool_whose_loans_come_back_stays_ready(
    production: Service,
) -> None:
    engine = production.database.engine
    book = production.database.ledger.books["engine"]
    lent = [await engine.connect() for _ in range(book.gauge.capacity() or 0)]

    probe = asyncio.create_task(production.client.get("/readyz"))
    while not probe.done():
        # No other task runs between these two steps: at each of its looks
        # the probe finds nothing left, and that loans have come back.
        await lent.pop().close()
        lent.append(await engine.connect())
        await asyncio.sleep(0)

    assert (await probe).status_code == 200
    for connection in lent:
        await connection.close()


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/metrics", "/poolwatch/loans", "/lab/flags"],
)
async def test_probes_and_control_endpoints_borrow_nothing(
    service: Service, path: str
) -> None:
    borrowers = Borrowers()
    service.database.ledger.listeners.append(borrowers)

    answer = await service.client.get(path)

    assert answer.status_code == 200
    assert borrowers.attempts == []
