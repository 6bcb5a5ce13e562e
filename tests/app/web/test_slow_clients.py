"""A client that takes too long to send a request loses its connection."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from app.web import slow_clients

BOUND = 0.3
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def wait(request: Request) -> Response:
    request.app.state.started.set()
    await request.app.state.release.wait()
    return PlainTextResponse("done")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    socket.app.state.started.set()
    await socket.app.state.release.wait()
    await socket.send_text("done")
    await socket.close()


@pytest.fixture
async def release() -> asyncio.Event:
    """Set by a test to let the handlers go on."""
    return asyncio.Event()


@pytest.fixture
async def started() -> asyncio.Event:
    """Set by a handler when its request has arrived."""
    return asyncio.Event()


@pytest.fixture
async def port(
    release: asyncio.Event,
    started: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[int]:
    """A server that gives each request a short time to arrive."""
    monkeypatch.setattr(slow_clients, "REQUEST_SECONDS", BOUND)
    app = Starlette(
        routes=[
            Route("/echo", echo, methods=["POST"]),
            Route("/wait", wait),
            WebSocketRoute("/talk", talk),
        ]
    )
    app.state.release = release
    app.state.started = started
    config = uvicorn.Config(
        app, port=0, log_config=None, http=slow_clients.BoundedRequests
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
    release.set()
    await server.shutdown()


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", POST, POST + b"half"],
    ids=["nothing", "half of its headers", "no body", "half of its body"],
)
async def test_a_request_that_does_not_arrive_ends_its_connection(
    port: int, sent: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)

    async with asyncio.timeout(20):
        await reader.read()  # until the server closes

    writer.close()


async def test_a_second_request_has_the_same_bound(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(POST + b"12345678\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await reader.readuntil(b"12345678\n")

    writer.write(b"G")
    async with asyncio.timeout(20):
        assert await reader.read() == b""

    writer.close()


async def the_bound_passes(port: int) -> None:
    """Open a connection that sends nothing, until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(20):
        await reader.read()
    writer.close()


async def test_a_request_that_has_arrived_may_take_its_time(
    port: int, release: asyncio.Event, started: asyncio.Event
) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as it:
        waiting = asyncio.create_task(it.get("/wait"))
        await started.wait()
        await the_bound_passes(port)
        release.set()

        assert (await waiting).text == "done"


async def test_a_websocket_may_stay_open(
    port: int, release: asyncio.Event, started: asyncio.Event
) -> None:
    async with connect(f"ws://127.0.0.1:{port}/talk") as socket:
        await started.wait()
        await the_bound_passes(port)
        release.set()

        assert await socket.recv() == "done"
