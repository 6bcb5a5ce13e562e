"""Somebody else's slow service: it takes payments, sends mail, checks tokens.

It stands in for a call over the network, and sleeps instead. The lab can keep
it from answering, to look at what its callers hold meanwhile.
"""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.web.errors import Problem


class ProviderTimeout(Problem):
    """The provider did not respond in time."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    title = "Provider timeout"

    def __init__(self) -> None:
        """Say no more than that: who it is, is none of the client's."""
        super().__init__("A service that this one calls did not respond.")


class Provider:
    """Answers after a while; lives as long as the service."""

    SECONDS = 0.1
    """What it takes to answer."""
    PATIENCE = 20.0
    """Seconds after which its callers give up."""

    def __init__(self) -> None:
        """Begin to answer."""
        self.waiting = 0
        """Calls that its silence keeps waiting."""
        self._answers = asyncio.Event()
        self._answers.set()

    async def call(self) -> None:
        """Wait for its answer.

        Raises:
            ProviderTimeout: it did not respond within `PATIENCE` seconds.

        """
        await asyncio.sleep(self.SECONDS)
        self.waiting += 1
        try:
            async with asyncio.timeout(self.PATIENCE):
                await self._answers.wait()
        except TimeoutError as late:
            raise ProviderTimeout from late
        finally:
            self.waiting -= 1

    def answer(self) -> None:
        """Answer whoever waits, and from now on."""
        self._answers.set()

    def fall_silent(self) -> None:
        """Let callers wait from now on."""
        self._answers.clear()


async def get_provider(connection: HTTPConnection) -> Provider:
    """Hand the provider to a handler, a WebSocket's as well."""
    return connection.state.provider  # type: ignore[no-any-return]


ProviderDep = Annotated[Provider, Depends(get_provider)]
