"""A thread that goes on answering while the event loop stands still.

It has an event loop of its own and answers `/poolwatch/loans`,
`/poolwatch/leaks`, `/metrics` and `/healthz` on a port of its own: at
127.0.0.1 alone unless told otherwise, as it asks for no password.

With several workers, give all of them the same port and the same folder.
Each answers there for itself (see `workers`), and one of them has the port
and answers for all. Which one is decided by a lock on a file, which the
kernel takes away from a process that ends in whatever way; another one has
it, and the port, within a second.
"""

import asyncio
import fcntl
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from pathlib import Path

from poolwatch.extras import extra
from poolwatch.pages.models import Source
from poolwatch.pages.negotiation import JSON, in_form
from poolwatch.pages.process import ThisProcess
from poolwatch.pages.workers import AllWorkers, answering

with extra("web"):
    import uvicorn
    from anyio.from_thread import start_blocking_portal
    from prometheus_client import CONTENT_TYPE_LATEST as METRICS
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

logger = logging.getLogger("poolwatch")

Address = tuple[str, int]

HOST = "127.0.0.1"
TURN = 0.5
"""Seconds between two tries to take over the port."""
GRACE = 1
"""Seconds that requests have left at the end."""


@contextmanager
def lookout(
    process: AbstractAsyncContextManager[ThisProcess],
    port: int | None = None,
    folder: Path | None = None,
    host: str = HOST,
) -> Iterator[None]:
    """Answer from a thread of its own, as long as the block lasts.

    Args:
        process: what to answer from: `nullcontext(ThisProcess(…))`, or one
            that opens, in the thread's own event loop, a connection for
            `fetch`, and closes it at the end.
        port: where to answer; nowhere but in the folder if None.
        folder: where the workers of one service meet; None if there is one.
        host: the IPv4 address that has the port. Whoever reaches it sees
            code and queries.

    Raises:
        OSError: the port is taken, and by no worker that shares the folder.
            With a folder, the log says so, and the service goes on. Or the
            folder's name is too long for a Unix socket in it.

    """
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        start_blocking_portal(name="poolwatch lookout") as thread,
        thread.wrap_async_context_manager(
            _looking(process, port, folder, host)
        ),
    ):
        yield


@asynccontextmanager
async def _looking(
    process: AbstractAsyncContextManager[ThisProcess],
    port: int | None,
    folder: Path | None,
    host: str,
) -> AsyncIterator[None]:
    async with AsyncExitStack() as closing:
        source = await closing.enter_async_context(process)
        if folder is not None:
            await closing.enter_async_context(answering(source, folder))
            if port is not None:
                everyone = AllWorkers(folder, source)
                turns = _taking_turns(everyone, (host, port), folder)
                await closing.enter_async_context(turns)
        elif port is not None:
            serving = _serving(source, _listen((host, port)))
            await closing.enter_async_context(serving)
        yield


@asynccontextmanager
async def _taking_turns(
    source: Source, address: Address, folder: Path
) -> AsyncIterator[None]:
    """Have the port whenever no other worker of the folder has it."""
    end = asyncio.Event()

    async def take_turns() -> None:
        complained = False
        while not end.is_set():
            with _turn(folder / "port.lock") as ours:
                try:
                    if ours:
                        async with _serving(source, _listen(address)):
                            await end.wait()
                except OSError as error:
                    if not complained:
                        logger.error("%s", error.strerror)  # noqa: TRY400
                    complained = True
            with suppress(TimeoutError):
                async with asyncio.timeout(TURN):
                    await end.wait()

    taking_turns = asyncio.create_task(take_turns())
    try:
        yield
    finally:
        end.set()
        await taking_turns


@contextmanager
def _turn(file: Path) -> Iterator[bool]:
    """Whether the lock on this file is ours for as long as the block."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _listen(address: Address) -> socket.socket:
    try:
        return socket.create_server(address)
    except OSError as error:
        host, port = address
        why = os.strerror(error.errno or 0).lower()
        message = f"poolwatch cannot have {host}:{port}: {why}"
        raise OSError(error.errno, message) from error


@asynccontextmanager
async def _serving(
    source: Source, listener: socket.socket
) -> AsyncIterator[None]:
    config = uvicorn.Config(
        _app(source),
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)
    with listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


def _app(source: Source) -> Starlette:
    """The routes, in plain Starlette.

    FastAPI builds a route when it is first asked for, under warnings filters
    that are the whole process's: two threads must not do so at once.
    """

    async def loans(request: Request) -> Response:
        return in_form(
            await source.loans(), request.headers.get("accept", JSON)
        )

    async def leaks(request: Request) -> Response:
        return in_form(
            await source.leaks(), request.headers.get("accept", JSON)
        )

    async def metrics(_: Request) -> Response:
        return Response(
            await source.metrics(), headers={"Content-Type": METRICS}
        )

    async def alive(_: Request) -> Response:
        """Say that the process lives, whatever its event loop does."""
        return JSONResponse({"status": "ok", "process": os.getpid()})

    return Starlette(
        routes=[
            Route("/poolwatch/loans", loans),
            Route("/poolwatch/leaks", leaks),
            Route("/metrics", metrics),
            Route("/healthz", alive),
        ]
    )
