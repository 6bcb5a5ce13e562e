"""All workers of a service as one source of pages.

Each worker process has a ledger of its own. Each serves its pages on a Unix
socket, `<folder>/<process id>.sock`, in a folder that all of them share. The
worker that a client reaches asks the others and joins their pages. A worker
that has died leaves a socket that refuses connections; the next request
deletes it.

A request is one line, the name of a page; the response is its length in four
bytes, and the page. A process that may write to the folder can pose as a
worker, so only the service's own user may.
"""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from poolwatch.loan import current
from poolwatch.metrics.exposition import merge
from poolwatch.pages.models import LeaksPage, LoansPage
from poolwatch.pages.process import ThisProcess

WORKER_SECONDS = 2.0
"""Time a worker has for a response; a slower one is reported as silent."""
LONGEST_NAME = 107
"""Bytes of a Unix socket's name: Linux has 108, and one of them ends it."""


@asynccontextmanager
async def answering(process: ThisProcess, folder: Path) -> AsyncIterator[None]:
    """Serve this process's pages in the folder while the block runs.

    Raises:
        OSError: no socket can be made in the folder; its path may be too
            long for one.

    """

    async def page(name: bytes) -> bytes:
        match name:
            case b"loans":
                return (await process.loans()).model_dump_json().encode()
            case b"leaks":
                return (await process.leaks()).model_dump_json().encode()
            case _:
                return process.exposition()

    async def respond(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with closing(writer):
            async with asyncio.timeout(WORKER_SECONDS):
                body = await page((await reader.readline()).strip())
                writer.write(len(body).to_bytes(4) + body)
                await writer.drain()

    address = folder / f"{os.getpid()}.sock"
    server = await asyncio.start_unix_server(respond, sock=_listen(address))
    try:
        yield
    finally:
        server.close()
        address.unlink(missing_ok=True)


def _listen(address: Path) -> socket.socket:
    """Listen, then rename: a socket with this name always responds."""
    if (size := len(os.fsencode(address))) > LONGEST_NAME:
        message = (
            f"poolwatch needs a shorter folder: {address} has {size} bytes,"
            f" and the name of a Unix socket has {LONGEST_NAME} at most"
        )
        raise OSError(errno.ENAMETOOLONG, message)
    unnamed = address.with_suffix(".new")
    unnamed.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(unnamed))
    listener.listen()
    unnamed.rename(address)
    return listener


class AllWorkers:
    """All workers that share a folder, as one source of pages."""

    def __init__(self, folder: Path, process: ThisProcess) -> None:
        """Read the pages of every worker in the folder.

        Args:
            folder: the folder that the workers share.
            process: this worker, which reads the server's metrics.

        """
        self._folder = folder
        self._process = process

    async def loans(self) -> LoansPage:
        """Show each worker's loans."""
        page = LoansPage.joined(await self._ask("loans"))
        for process in page.processes:
            if process.process == os.getpid() and current.get() is not None:
                process.borrowers -= 1  # the request that asks
        return page

    async def leaks(self) -> LeaksPage:
        """Show each worker's findings."""
        return LeaksPage.joined(await self._ask("leaks"))

    async def metrics(self) -> bytes:
        """Show each worker's metrics, with a label `process`."""
        workers = merge(await self._ask("metrics"))
        return workers + await self._process.server_metrics()

    async def _ask(self, page: str) -> dict[int, bytes | None]:
        """Ask all at once, and delete the sockets of dead workers."""
        addresses = [
            address
            for address in sorted(self._folder.glob("*.sock"))
            if address.stem.isdecimal()  # another program may use the folder
        ]
        answers = await asyncio.gather(
            *(_ask_one(address, page) for address in addresses),
            return_exceptions=True,
        )
        found: dict[int, bytes | None] = {}
        for address, answer in zip(addresses, answers, strict=True):
            process = int(address.stem)
            match answer:
                case bytes():
                    found[process] = answer
                case ConnectionRefusedError() | FileNotFoundError():
                    address.unlink(missing_ok=True)
                case OSError() | EOFError():  # slow, or cut short
                    found[process] = None
                case _:
                    raise answer
        return found


async def _ask_one(address: Path, page: str) -> bytes:
    async with asyncio.timeout(WORKER_SECONDS):
        reader, writer = await asyncio.open_unix_connection(address)
        with closing(writer):
            writer.write(f"{page}\n".encode())
            size = int.from_bytes(await reader.readexactly(4))
            return await reader.readexactly(size)
