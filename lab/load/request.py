"""Send a scenario's request once, over HTTP or over a WebSocket."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from app.lesson import Scenario

KEEP_ALIVE = 2
"""Seconds. uvicorn closes an idle connection after five."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; the status of a WebSocket is 200 if it sent a message."""

    status: int
    content_type: str = ""
    body: str = ""

    @property
    def content(self) -> Any:  # noqa: ANN401 - any JSON
        """The body, without the id and time that the database generates."""
        if "json" not in self.content_type:
            return self.body
        try:
            content = json.loads(self.body)
        except ValueError:  # a trainee's file may return anything
            return self.body
        if self.status == HTTPStatus.CREATED and isinstance(content, dict):
            content |= {"id": ..., "created_at": ...}
        return content


def open_session(url: str) -> aiohttp.ClientSession:
    """Open a client for load: any number of connections, kept briefly."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE)
    return aiohttp.ClientSession(url, connector=connector)


async def send_scenario(
    session: aiohttp.ClientSession, scenario: Scenario, prefix: str = ""
) -> Answer:
    """Send the request, and read the whole response.

    Raises:
        aiohttp.ClientError: the service does not respond.

    """
    path = f"{prefix}{scenario.path}"
    if scenario.method == "WEBSOCKET":
        return await _send_message(session, path, scenario.body)
    async with session.request(
        scenario.method, path, json=scenario.body
    ) as response:
        body = await response.text()
        return Answer(response.status, response.content_type, body)


async def _send_message(
    session: aiohttp.ClientSession, path: str, message: object
) -> Answer:
    try:
        async with session.ws_connect(path) as socket:
            await socket.send_str(json.dumps(message))
            content = await socket.receive_str()
    except aiohttp.WSServerHandshakeError as refused:
        return Answer(refused.status)
    except aiohttp.WSMessageTypeError:  # closed, by an error of the service
        return Answer(HTTPStatus.INTERNAL_SERVER_ERROR)
    return Answer(HTTPStatus.OK, "application/json", content)
