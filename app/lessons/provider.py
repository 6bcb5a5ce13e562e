"""A simulated slow service, which takes payments, sends mail, checks tokens.

It sleeps instead of making a network call. The lab can stop its responses, to
show which connections its callers hold while they wait.
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
        """Do not name the service: clients need not know it."""
        super().__init__("A service that this one calls did not respond.")


class Provider:
    """Responds after a moment; lives as long as the service."""

    SECONDS = 0.1
    """The time of a response."""
    PATIENCE = 20.0
    """Seconds after which a call fails."""

    def __init__(self) -> None:
        """Start with responses switched on."""
        self.waiting = 0
        """Number of calls that wait for a response."""
        self._responds = asyncio.Event()
        self._responds.set()

    async def call(self) -> None:
        """Wait for a response.

        Raises:
            ProviderTimeout: it did not respond within `PATIENCE` seconds.

        """
        await asyncio.sleep(self.SECONDS)
        self.waiting += 1
        try:
            async with asyncio.timeout(self.PATIENCE):
                await self._responds.wait()
        except TimeoutError as late:
            raise ProviderTimeout from late
        finally:
            self.waiting -= 1

    def resume(self) -> None:
        """Respond to all waiting calls, and to later ones."""
        self._responds.set()

    def pause(self) -> None:
        """Let calls wait from now on."""
        self._responds.clear()


async def get_provider(connection: HTTPConnection) -> Provider:
    """Return the provider to the handler of a request or WebSocket."""
    return connection.state.provider  # type: ignore[no-any-return]


ProviderDep = Annotated[Provider, Depends(get_provider)]
