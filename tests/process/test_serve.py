"""`serve`: the database it is given, and the lab where that is on."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from app.control import routes as control
from tests.process.command import A_MINUTE, Service, serving, wait_until

CONTROLS = [
    (method, route.path.format(lesson="orders"))
    for route in control.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
]


@pytest.fixture(scope="module")
def production(database_url: str) -> Iterator[Service]:
    """As it is started with nothing but a database."""
    with serving(DATABASE_URL=database_url) as service:
        yield service


def test_it_serves_the_database_it_is_given(production: Service) -> None:
    answer = httpx.get(f"{production.url}/orders", params={"limit": 3})

    assert [order["id"] for order in answer.json()] == [1, 2, 3]


def test_the_lab_is_off_by_default(production: Service) -> None:
    assert httpx.get(f"{production.url}/before/orders").status_code == 404


@pytest.mark.parametrize(("method", "path"), CONTROLS)
def test_without_the_lab_there_are_no_control_endpoints(
    production: Service, method: str, path: str
) -> None:
    answer = httpx.request(method, production.url + path)

    assert answer.status_code == 404


def test_a_client_that_sends_too_slowly_loses_its_connection(
    production: Service,
) -> None:
    head = b"POST /orders HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 9\r\n"
    url = httpx.URL(production.url)
    with socket.create_connection((url.host, url.port), A_MINUTE) as client:
        client.sendall(head + b"\r\n{")

        assert client.recv(1) == b""

    assert "Traceback" not in production.told


def test_a_request_beyond_the_limit_gets_503_at_once(
    database_url: str,
) -> None:
    with serving(DATABASE_URL=database_url, CLIENT_LIMIT="2") as service:
        url = httpx.URL(service.url)
        with socket.create_connection((url.host, url.port)):
            answer = httpx.get(f"{service.url}/healthz")
        wait_until(lambda: httpx.get(f"{service.url}/healthz").is_success)

    assert answer.status_code == 503


def test_without_the_lab_no_token_is_printed(production: Service) -> None:
    assert "token" not in production.told + production.printed


def test_the_token_that_it_prints_opens_the_lab(
    database_url: str, flags_file: str
) -> None:
    with serving(
        DATABASE_URL=database_url, LAB_ENABLED="true", FLAGS_FILE=flags_file
    ) as service:
        token = service.told.partition("lab token: ")[2].split()[0]
        headers = {"Authorization": f"Bearer {token}"}

        answer = httpx.get(f"{service.url}/lab/flags", headers=headers)

    assert answer.status_code == 200


def test_broken_flags_mean_after_and_one_line_in_the_log(
    database_url: str, tmp_path: Path
) -> None:
    flags = tmp_path / "broken.json"
    flags.write_text('{"flags": ')
    with serving(
        DATABASE_URL=database_url, LAB_ENABLED="true", FLAGS_FILE=str(flags)
    ) as service:
        answer = httpx.get(f"{service.url}/orders", params={"limit": 1})
        service.sigterm()
        service.exit_code()

        assert answer.status_code == 200
        assert service.told.count("broken.json") == 1, service.told
        assert "leak" not in service.told


def test_a_collection_of_leaks_prints_one_line(
    database_url: str, flags_file: str
) -> None:
    with serving(
        DATABASE_URL=database_url,
        LAB_ENABLED="true",
        LAB_TOKEN="token",
        FLAGS_FILE=flags_file,
    ) as service:
        with httpx.Client(
            base_url=service.url, headers={"Authorization": "Bearer token"}
        ) as client:
            client.put("/lab/gc", json={"enabled": False})
            for _ in range(5):
                client.get("/before/orders/1")
            client.post("/lab/gc")
        told = service.told

    line = (
        "WARNING:  the garbage collector found 5 leaked connections, and"
        " SQLAlchemy ended them"
    )
    assert told.splitlines().count(line) == 1
    assert "clean up non-checked-in connection" not in told
