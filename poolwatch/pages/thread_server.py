"""Serve the pages from a thread, so that a blocked event loop is visible.

The thread has its own event loop and its own port. It serves
`/poolwatch/loans`, `/poolwatch/leaks`, `/metrics` and `/healthz`, without a
password, and so on 127.0.0.1 by default.

Several workers share one port and one folder. Each worker answers for itself
in the folder (see `workers`); one of them holds a file lock, has the port,
and answers for all. The kernel releases the lock of a process that ends, and
another worker takes the port within a second.
"""

import asyncio
import fcntl
import logging
import os
import socket
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
)
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from pathlib import Path

from poolwatch.extras import extra
from poolwatch.pages.allowed_hosts import AllowedHosts
from poolwatch.pages.models import LeaksPage, LoansPage, PageSource
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
    from starlette.types import ASGIApp

logger = logging.getLogger("poolwatch")

Address = tuple[str, int]

RETRY_SECONDS = 0.5
"""Time between two attempts to take the port."""
SHUTDOWN_SECONDS = 1
"""Time that requests have left at the end."""


@contextmanager
def serve_in_thread(
    process: AbstractAsyncContextManager[ThisProcess],
    port: int | None = None,
    folder: Path | None = None,
    host: str = "127.0.0.1",
    allowed_hosts: Collection[str] = (),
) -> Iterator[None]:
    """Serve the pages from a thread for as long as the block lasts.

    Args:
        process: what to show: `nullcontext(ThisProcess(…))`, or a context
            that opens a connection for `fetch` in the thread's event loop and
            closes it at the end.
        port: where to listen; None for the folder alone.
        folder: the folder that the workers of one service share; None where
            there is one worker.
        host: the IPv4 address to listen on. A client that reaches it sees
            code and queries.
        allowed_hosts: names that clients may use in URLs, beside localhost
            and this machine's name; see `allowed_hosts.AllowedHosts`.

    Raises:
        OSError: another program has the port, or the folder's path is too
            long for a Unix socket. With a folder, a port in use is logged,
            and the service runs without it.

    """
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        start_blocking_portal(name="poolwatch pages") as thread,
        thread.wrap_async_context_manager(
            _serving_all(process, port, folder, host, allowed_hosts)
        ),
    ):
        yield


@asynccontextmanager
async def _serving_all(
    process: AbstractAsyncContextManager[ThisProcess],
    port: int | None,
    folder: Path | None,
    host: str,
    allowed_hosts: Collection[str],
) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(process)
        if folder is not None:
            await stack.enter_async_context(answering(source, folder))
            if port is not None:
                everyone = _app(AllWorkers(folder, source))
                guarded = AllowedHosts(everyone, allowed_hosts)
                sharing = _sharing_port(guarded, (host, port), folder)
                await stack.enter_async_context(sharing)
        elif port is not None:
            guarded = AllowedHosts(_app(source), allowed_hosts)
            serving = _serving(guarded, _listen((host, port)))
            await stack.enter_async_context(serving)
        yield


@asynccontextmanager
async def _sharing_port(
    app: ASGIApp, address: Address, folder: Path
) -> AsyncIterator[None]:
    """Serve on the port whenever no other worker of the folder does."""
    end = asyncio.Event()

    async def serve_or_wait() -> None:
        logged = False
        while not end.is_set():
            with _file_lock(folder / "port.lock") as ours:
                try:
                    if ours:
                        async with _serving(app, _listen(address)):
                            await end.wait()
                except OSError as error:
                    if not logged:
                        logger.error("%s", error.strerror)  # noqa: TRY400
                    logged = True
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await end.wait()

    task = asyncio.create_task(serve_or_wait())
    try:
        yield
    finally:
        end.set()
        await task


@contextmanager
def _file_lock(file: Path) -> Iterator[bool]:
    """Tell whether this process holds the lock during the block."""
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
    app: ASGIApp, listener: socket.socket
) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)
    with listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


def _app(source: PageSource) -> Starlette:
    """Make the routes in plain Starlette.

    FastAPI builds a route at its first request and changes the process's
    warning filters for that time: two threads must not do so at once.
    """

    def page(
        read: Callable[[], Awaitable[LoansPage | LeaksPage]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            accept = request.headers.get("accept", JSON)
            return in_form(await read(), accept)

        return respond

    async def metrics(_: Request) -> Response:
        return Response(
            await source.metrics(), headers={"Content-Type": METRICS}
        )

    async def alive(_: Request) -> Response:
        """Show that the process runs, whatever its event loop does."""
        return JSONResponse({"status": "ok", "process": os.getpid()})

    return Starlette(
        routes=[
            Route("/poolwatch/loans", page(source.loans)),
            Route("/poolwatch/leaks", page(source.leaks)),
            Route("/metrics", metrics),
            Route("/healthz", alive),
        ]
    )
