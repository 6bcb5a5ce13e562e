"""A request and a WebSocket are borrowers, background tasks included."""

import inspect
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from fastapi import APIRouter, FastAPI
from starlette import routing
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

import poolwatch
from poolwatch import Book, Ledger, Middleware
from tests.poolwatch.conftest import Server, only

named_routes = pytest.mark.skipif(
    'scope["route"]' not in inspect.getsource(routing),
    reason="this Starlette does not put the route into the scope",
)


@pytest.fixture
async def pool(server: Server) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(server.dsn, min_size=0, max_size=10)
    yield pool
    pool.terminate()


@pytest.fixture
def book(pool: asyncpg.Pool, ledger: Ledger) -> Book:
    return poolwatch.watch(pool, "orders", ledger)


def asgi(ledger: Ledger, *routes: Route | WebSocketRoute) -> Middleware:
    return Middleware(Starlette(routes=routes), ledger)


async def ask(app: Middleware, **scope: object) -> None:
    """Send one request, or open one WebSocket, straight into the app."""
    received = iter([{"type": "http.request"}, {"type": "websocket.connect"}])

    async def receive() -> Message:
        return next(received)

    async def send(_: object) -> None:
        pass

    defaults = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    await app(defaults | scope, receive, send)


@named_routes
async def test_a_loan_open_when_its_request_ends_is_a_leak(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    async def leak(_: Request) -> Response:
        await pool.acquire()
        return Response()

    app = asgi(ledger, Route("/orders/{id}", leak))
    await ask(
        app,
        path="/orders/7",
        headers=[(b"x-request-id", b"r1"), (b"traceparent", b"00-1-2-01")],
    )
    loan = only(ledger)
    assert loan.leaked
    assert loan.borrower is not None
    assert loan.borrower.name == "GET /orders/{id}"
    assert loan.borrower.request_id == "r1"
    assert loan.borrower.traceparent == "00-1-2-01"
    assert book.leaks == 1
    assert ledger.borrowers == 0


async def test_a_request_that_fails_leaks_as_any(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    async def fail(_: Request) -> Response:
        await pool.acquire()
        raise ValueError(7)

    with pytest.raises(ValueError, match="7"):
        await ask(asgi(ledger, Route("/", fail)))
    assert book.leaks == 1


async def test_a_background_task_belongs_to_its_request(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    held: list[Any] = []

    async def take() -> None:
        held.append(await pool.acquire())

    async def give_back() -> None:
        await pool.release(held.pop())

    async def both(_: Request) -> Response:
        await take()
        return Response(background=BackgroundTask(give_back))

    async def later(_: Request) -> Response:
        return Response(background=BackgroundTask(take))

    app = asgi(ledger, Route("/both", both), Route("/later", later))
    await ask(app, path="/both")
    assert book.leaks == 0
    await ask(app, path="/later")
    assert book.leaks == 1


@named_routes
async def test_a_websocket_is_a_borrower(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    async def feed(websocket: WebSocket) -> None:
        await websocket.send({"type": "websocket.close"})
        await pool.acquire()

    app = asgi(ledger, WebSocketRoute("/feed", feed))
    await ask(app, type="websocket", method="WEBSOCKET", path="/feed")
    loan = only(ledger)
    assert loan.borrower is not None
    assert loan.borrower.name == "WEBSOCKET /feed"
    assert book.leaks == 1


async def test_a_websocket_is_named_as_its_router_was_included(
    pool: asyncpg.Pool, book: Book, ledger: Ledger
) -> None:
    router = APIRouter()

    @router.websocket("/feed/{number}")
    async def feed(websocket: WebSocket) -> None:
        await websocket.send({"type": "websocket.close"})
        await pool.acquire()

    shop = FastAPI()
    shop.include_router(router, prefix="/shop")
    app = Middleware(shop, ledger)
    await ask(app, type="websocket", method="WEBSOCKET", path="/shop/feed/1")
    loan = only(ledger)
    assert loan.borrower is not None
    assert loan.borrower.name == "WEBSOCKET /shop/feed/{number}"
    assert book.leaks == 1
