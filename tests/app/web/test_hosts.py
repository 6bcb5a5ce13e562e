"""The service answers for the hosts that are meant, and refuses others."""

import asyncio
import socket

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app.settings import Settings
from tests.conftest import Service, running
from tests.process.command import free_port

HOSTS = pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8000", "LOCALHOST", "localhost."),
        *("127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000"),
        *("192.0.2.1:9001", socket.gethostname(), "shop.example:8000"),
    ],
)
OTHERS = pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example"),
        *("shop.example.evil.example", "127.0.0.1.evil.example", "[evil]"),
        *("127.0.0.1@evil.example", "", "*"),
    ],
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Allow one more host name."""
    return settings.model_copy(update={"allowed_hosts": ("shop.example",)})


@HOSTS
async def test_a_host_that_is_meant_is_served(
    production: Service, host: str
) -> None:
    answer = await production.client.get("/healthz", headers={"Host": host})

    assert answer.status_code == 200


@OTHERS
@pytest.mark.parametrize("path", ["/healthz", "/poolwatch/loans", "/nowhere"])
async def test_another_host_is_refused(
    production: Service, host: str, path: str
) -> None:
    answer = await production.client.get(path, headers={"Host": host})

    assert answer.status_code == 400
    assert answer.text == "This host is not allowed.\n"


async def test_a_client_older_than_host_headers_is_served(
    production: Service,
) -> None:
    """HAProxy's checks, by default."""
    url = production.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")

    assert b" 200 " in await reader.readline()

    writer.close()


async def test_a_websocket_of_another_host_is_refused(
    service: Service,
) -> None:
    url = service.client.base_url.copy_with(scheme="ws")
    path = url.join("/after/orders/live")

    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"ws://evil.example:{url.port}{path.path}", host=url.host
        ):
            pass

    assert refused.value.response.status_code == 403


async def test_a_star_allows_every_name(settings: Settings) -> None:
    everywhere = settings.model_copy(update={"allowed_hosts": ("*",)})
    async with running(everywhere) as service:
        answer = await service.client.get(
            "/healthz", headers={"Host": "evil.example"}
        )

    assert answer.status_code == 200


async def test_poolwatchs_own_port_has_the_same_list(
    settings: Settings,
) -> None:
    port = free_port()
    watched = settings.model_copy(update={"poolwatch_port": port})
    async with running(watched), httpx.AsyncClient() as client:
        found = [
            await client.get(
                f"http://127.0.0.1:{port}/poolwatch/loans",
                headers={"Host": host},
            )
            for host in ("shop.example", "evil.example")
        ]

    assert [answer.status_code for answer in found] == [200, 400]
