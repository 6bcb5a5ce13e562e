"""SIGTERM and Ctrl-C end the service in ten seconds, and nothing is left."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest

from tests.process.command import (
    A_MINUTE,
    Service,
    serving,
    wait_until,
)
from tests.process.conftest import Backends

TOKEN = "the lab's token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}

Signal = Callable[[Service], None]

both_signals = pytest.mark.parametrize(
    "signal",
    [
        pytest.param(Service.sigterm, id="sigterm"),
        pytest.param(Service.ctrl_c, id="ctrl_c", marks=pytest.mark.slow),
    ],
)


@pytest.fixture
def service(database_url: str, flags_file: str) -> Iterator[Service]:
    """The lab is on; three requests exhaust the engine, two the other pool."""
    with serving(
        DATABASE_URL=database_url,
        LAB_ENABLED="true",
        LAB_TOKEN=TOKEN,
        FLAGS_FILE=flags_file,
        POOL_WORKERS="1",
        POOL_CONNECTIONS_PER_WORKER="1",
        POOL_BUFFER="1",
    ) as service:
        yield service


@pytest.fixture
def clients() -> Iterator[ThreadPoolExecutor]:
    """As many as a test needs; asked for first, they outlive the service."""
    with ThreadPoolExecutor(16) as clients:
        yield clients


@both_signals
def test_an_idle_service_ends_and_quietly(
    service: Service, signal: Signal, backends: Backends
) -> None:
    signal(service)

    assert_ends(service, backends)
    assert "Traceback" not in service.told


@pytest.mark.slow
@both_signals
def test_a_service_under_load_ends(
    clients: ThreadPoolExecutor,
    service: Service,
    signal: Signal,
    backends: Backends,
) -> None:
    answered: list[int] = []
    for _ in range(8):
        clients.submit(ask_until_it_is_gone, service.url, answered)
    wait_until(lambda: len(answered) >= 80)

    signal(service)

    assert_ends(service, backends)
    assert set(answered) == {200}


@both_signals
def test_a_service_that_leaked_both_pools_ends(
    clients: ThreadPoolExecutor,
    service: Service,
    signal: Signal,
    backends: Backends,
) -> None:
    leak_everything(service)
    waiting = [
        clients.submit(httpx.get, service.url + path, timeout=30)
        for path in ("/orders", "/analytics?since=2999-01-01") * 4
    ]
    wait_until(lambda: loans(service)["borrowers"] == 8)

    signal(service)

    assert_ends(service, backends)
    assert {sent.result().status_code for sent in waiting} == {503}
    assert "Traceback" not in service.told


def test_a_request_under_way_is_answered_before_the_end(
    clients: ThreadPoolExecutor, service: Service, database_url: str
) -> None:
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT FROM orders WHERE id = 7 FOR UPDATE")
        under_way = clients.submit(
            httpx.post, f"{service.url}/orders/7/process", timeout=30
        )
        wait_until(lambda: loans(service)["borrowers"])

        service.sigterm()
        wait_until(lambda: "Shutting down" in service.told)
        holder.rollback()

    assert under_way.result().status_code == 200


def test_a_stream_that_the_end_cuts_off_costs_no_trace(
    clients: ThreadPoolExecutor, service: Service
) -> None:
    silent = {"answers": False}
    httpx.put(f"{service.url}/lab/provider", json=silent, headers=HEADERS)
    path = "/after/orders/1/tracking"
    cut_off = clients.submit(httpx.get, service.url + path, timeout=30)
    wait_until(lambda: loans(service)["borrowers"])

    service.sigterm()

    with pytest.raises(httpx.RemoteProtocolError):
        cut_off.result()
    wait_until(lambda: service.process.poll() is not None)
    assert "Traceback" not in service.told


def leak_everything(service: Service) -> None:
    """Borrow each pool's last connection, and let nothing bring it back."""
    off = {"enabled": False}
    httpx.put(f"{service.url}/lab/gc", json=off, headers=HEADERS)
    for _ in range(3):
        ask(f"{service.url}/before/orders")
    for _ in range(2):
        ask(f"{service.url}/before/analytics?since=2999-01-01")
    assert len(loans(service)["loans"]) == 5


def loans(service: Service) -> dict[str, Any]:
    """The open loans, and the number of running requests."""
    answer = httpx.get(f"{service.url}/poolwatch/loans", headers=HEADERS)
    found = answer.json()
    [process] = found["processes"]
    return {"loans": found["loans"], "borrowers": process["borrowers"]}


def ask(url: str) -> None:
    """Ask once; the service may end before it has answered."""
    with suppress(httpx.TransportError):
        httpx.get(url, timeout=30)


def ask_until_it_is_gone(url: str, answered: list[int]) -> None:
    """Ask again and again, over one connection."""
    with (
        httpx.Client(base_url=url, timeout=30) as client,
        suppress(httpx.TransportError),
    ):
        while True:
            answered.append(client.get("/orders?limit=5").status_code)


def assert_ends(service: Service, backends: Backends) -> None:
    """In time, with its children, and with its connections."""
    service.exit_code(A_MINUTE)
    wait_until(service.is_all_gone)
    wait_until(lambda: not backends(service))
