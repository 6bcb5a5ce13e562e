"""The middleware makes each request a borrower, to its very last line."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI

import poolwatch
from poolwatch import Borrower, Ledger
from poolwatch.borrower import current

router = APIRouter()
seen: list[Borrower | None] = []


@router.get("/orders/{order_id}")
async def handler(order_id: int, background: BackgroundTasks) -> int:
    seen.append(current.get())
    background.add_task(lambda: seen.append(current.get()))
    return order_id


@router.get("/fault")
async def fault() -> None:
    seen.append(current.get())
    raise ZeroDivisionError


@pytest.fixture
def ledger() -> Ledger:
    seen.clear()
    return Ledger()


@pytest.fixture
async def client(ledger: Ledger) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router, prefix="/shop")
    app.add_middleware(poolwatch.Middleware, ledger)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test"
    ) as client:
        yield client


async def test_a_request_is_named_by_method_and_route(
    client: httpx.AsyncClient,
) -> None:
    await client.get("/shop/orders/7")

    [borrower, _] = seen
    assert borrower
    assert borrower.name == "GET /shop/orders/{order_id}"


async def test_a_request_without_a_route_is_named_by_its_path(
    client: httpx.AsyncClient, ledger: Ledger
) -> None:
    names = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Borrower, "end", lambda self: names.append(self.name))
        await client.get("/nowhere")

    assert names == ["GET /nowhere"]
    assert ledger.borrowers == 0


async def test_background_tasks_belong_to_their_request(
    client: httpx.AsyncClient,
) -> None:
    await client.get("/shop/orders/7")

    [borrower, in_background] = seen
    assert borrower is in_background


async def test_requests_are_borrowers_of_their_own(
    client: httpx.AsyncClient,
) -> None:
    await client.get("/shop/orders/7")
    await client.get("/shop/orders/7")

    assert seen[0] is not seen[2]


@pytest.mark.parametrize("path", ["/shop/orders/7", "/shop/fault"])
async def test_a_borrower_ends_with_its_request(
    client: httpx.AsyncClient, ledger: Ledger, path: str
) -> None:
    await client.get(path)

    assert seen[0]
    assert seen[0].ended
    assert ledger.borrowers == 0
