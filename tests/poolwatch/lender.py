"""Operations on a pool and its loans, for the random test."""

# ruff: noqa: ANN401 - each driver has a type of its own

import asyncio
import gc
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from poolwatch import Book, Ledger, PoolExhausted
from tests.poolwatch.conftest import Server, until_async

MOST = 4
"""What each pool lends at once, or is asked for where it has no limit."""
SOON = 0.001
"""Seconds until an acquire from an exhausted pool gives up."""


@dataclass
class Lender(ABC):
    """A watched pool, and what has been borrowed from it."""

    server: Server
    ledger: Ledger
    held: list[Any] = field(default_factory=list)
    dead: set[int | None] = field(default_factory=set)
    """Backends that are known to have ended, though their loan has not."""
    most: int = MOST
    book: Book = field(init=False)

    async def do(self, operation: str, number: int) -> None:
        """Do it to one of the connections that are held, if any."""
        if operation in {"borrow", "time_out", "dispose", "compare"}:
            await getattr(self, operation)()
        elif self.held:
            connection = self.held.pop(number % len(self.held))
            await getattr(self, operation)(connection)
            del connection
        await until_async(lambda: len(self.book.loans) == self.lent())

    async def borrow(self) -> None:
        if len(self.book.loans) < self.most:
            self.held.append(await self.get(timeout=10))

    async def time_out(self) -> None:
        if self.book.full:
            with pytest.raises(
                PoolExhausted, match=f"{MOST} of {MOST} checked out"
            ):
                await self.get(timeout=SOON)

    async def give_back_twice(self, connection: Any) -> None:
        await self.give_back(connection)
        await self.give_back(connection)

    async def terminate(self, connection: Any) -> None:
        """The server ends the backend, and the borrower finds out."""
        self.server.terminate(self.pid(connection))
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self.give_back(connection)

    async def drop(self, connection: Any) -> None:
        """Let go in a cycle, which only the collector can break."""
        cycle = [connection]
        cycle.append(cycle)
        loans = len(self.book.loans)
        del connection, cycle
        assert len(self.book.loans) == loans
        # The caller holds a reference too, until this returns.
        asyncio.get_running_loop().call_soon(gc.collect)

    async def compare(self) -> None:
        """Hold the ledger against pg_stat_activity."""

        def agree() -> bool:
            lent = {loan.pid for loan in self.book.loans.values()} - self.dead
            seen = self.server.backends()
            return lent <= seen and len(seen - lent) <= self.spare()

        await until_async(agree)

    @abstractmethod
    async def open(self) -> None:
        """Open the pool, and watch it."""

    @abstractmethod
    async def close(self) -> None:
        """Close it, whatever is lent."""

    @abstractmethod
    async def get(self, timeout: float) -> Any:  # noqa: ASYNC109
        """Borrow, or give up in time."""

    @abstractmethod
    async def give_back(self, connection: Any) -> None:
        """Give back as one should."""

    @abstractmethod
    async def invalidate(self, connection: Any) -> None:
        """Give back what is of no use any more."""

    async def detach(self, connection: Any) -> None:
        await self.give_back(connection)

    async def dispose(self) -> None:  # noqa: B027 - not every pool can
        """Renew the pool, where it can."""

    def spare(self) -> int:
        """Open connections that are no loans."""
        return self.book.gauge.idle()

    def lent(self) -> int:
        """What the pool itself says."""
        return len(self.held)

    @abstractmethod
    def pid(self, connection: Any) -> int | None:
        """The backend behind a connection."""
