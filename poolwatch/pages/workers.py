"""The workers of one service, asked as one.

Each worker process has a ledger of its own and sees no other's. So each
answers for itself on a Unix socket, `<folder>/<process id>.sock`, in a folder
that all share, and whichever of them is asked by the outside asks the others
and puts the answers together. Nothing is written down that could be stale:
a worker that has died leaves a socket that nobody answers, which the next
who asks takes away.

The question is a line with the name of a page, the answer its length in four
bytes and the page. Whoever may write to the folder can answer for a worker,
so it has to be the service's own.
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
from poolwatch.pages.models import Leaks, Loans
from poolwatch.pages.process import ThisProcess

PATIENCE = 2.0
"""Seconds a worker has to answer; one that does not is called silent."""
LONGEST = 107
"""Bytes of a Unix socket's name: Linux has 108, and one of them ends it."""


@asynccontextmanager
async def answering(process: ThisProcess, folder: Path) -> AsyncIterator[None]:
    """Answer for this process, as long as the block lasts.

    Raises:
        OSError: no socket can be made in the folder; its name may be too
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

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with closing(writer):
            async with asyncio.timeout(PATIENCE):
                body = await page((await reader.readline()).strip())
                writer.write(len(body).to_bytes(4) + body)
                await writer.drain()

    address = folder / f"{os.getpid()}.sock"
    server = await asyncio.start_unix_server(answer, sock=_listen(address))
    try:
        yield
    finally:
        server.close()
        address.unlink(missing_ok=True)


def _listen(address: Path) -> socket.socket:
    """Listen first and take the name then: who has it always answers."""
    if (size := len(os.fsencode(address))) > LONGEST:
        message = (
            f"poolwatch needs a shorter folder: {address} has {size} bytes,"
            f" and the name of a Unix socket has {LONGEST} at most"
        )
        raise OSError(errno.ENAMETOOLONG, message)
    nameless = address.with_suffix(".new")
    nameless.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(nameless))
    listener.listen()
    nameless.rename(address)
    return listener


class AllWorkers:
    """All workers that share a folder, as one source."""

    def __init__(self, folder: Path, process: ThisProcess) -> None:
        """Ask whoever answers in this folder.

        Args:
            folder: where the workers meet.
            process: the worker that asks; its connection asks the server.

        """
        self._folder = folder
        self._process = process

    async def loans(self) -> Loans:
        """Show each worker's loans."""
        answers = await self._ask("loans")
        page = Loans.of_all(
            [
                Loans(silent=[process], processes=[], pools=[], loans=[])
                if body is None
                else Loans.model_validate_json(body)
                for process, body in answers.items()
            ]
        )
        for process in page.processes:
            if process.process == os.getpid() and current.get() is not None:
                process.borrowers -= 1  # the request that asks
        return page

    async def leaks(self) -> Leaks:
        """Show each worker's findings."""
        answers = await self._ask("leaks")
        return Leaks.of_all(
            [
                Leaks(silent=[process], sites=[], findings=[])
                if body is None
                else Leaks.model_validate_json(body)
                for process, body in answers.items()
            ]
        )

    async def metrics(self) -> bytes:
        """Show each worker's metrics, with a label `process`."""
        workers = merge(await self._ask("metrics"))
        return workers + await self._process.server_metrics()

    async def _ask(self, page: str) -> dict[int, bytes | None]:
        """Ask all at once, and take away the sockets of the dead."""
        addresses = [
            address
            for address in sorted(self._folder.glob("*.sock"))
            if address.stem.isdecimal()  # others may have sockets there
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
                case OSError() | EOFError():  # late, or cut short
                    found[process] = None
                case _:
                    raise answer
        return found


async def _ask_one(address: Path, page: str) -> bytes:
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_unix_connection(address)
        with closing(writer):
            writer.write(f"{page}\n".encode())
            size = int.from_bytes(await reader.readexactly(4))
            return await reader.readexactly(size)
