"""`serve --workers 2`: two processes, each with separate pools."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.process.command import (
    A_MINUTE,
    ROOT,
    Service,
    serving,
    wait_until,
)
from tests.process.conftest import Backends

TOKEN = "the lab's token"


@pytest.fixture(scope="module")
def service(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Two workers, with the lab on."""
    flags = copy(ROOT / "flags.json", tmp_path_factory.mktemp("workers"))
    with serving(
        "--workers",
        "2",
        DATABASE_URL=database_url,
        LAB_ENABLED="true",
        LAB_TOKEN=TOKEN,
        FLAGS_FILE=str(flags),
    ) as service:
        yield service


@pytest.fixture(scope="module")
def workers(service: Service) -> Iterator[dict[int, httpx.Client]]:
    """A client for each worker, by its pid.

    A connection stays with the worker that has accepted it, so clients are
    opened until each worker has got one.
    """
    found: dict[int, httpx.Client] = {}
    with ExitStack() as stack:

        def each_has_answered() -> bool:
            client = stack.enter_context(
                httpx.Client(
                    base_url=service.url,
                    headers={"Authorization": f"Bearer {TOKEN}"},
                )
            )
            found.setdefault(behind(client.get("/orders"), service), client)
            return len(found) == 2

        wait_until(each_has_answered)
        yield found


def behind(answer: httpx.Response, service: Service) -> int:
    """The process at the other end of the answer's connection."""
    stream = answer.extensions["network_stream"]
    here = stream.get_extra_info("client_addr")
    return next(
        process.pid
        for process in service.children()
        for connection in process.net_connections(kind="tcp")
        if connection.raddr == here
    )


def test_each_worker_answers_from_a_pool_of_its_own(
    service: Service,
    workers: dict[int, httpx.Client],
    backends: Backends,
) -> None:
    found = [name.split()[1:3] for name in backends(service)]

    for pid in workers:
        assert [str(pid), "engine"] in found


def test_a_flag_reaches_each_worker(
    workers: dict[int, httpx.Client],
) -> None:
    one, other = workers.values()

    one.put("/lab/flags/orders", json={"variant": "before"}).raise_for_status()

    wait_until(lambda: leaking(one) and leaking(other) == 2)


def leaking(client: httpx.Client) -> int:
    """Ask this worker for orders; tell how many workers have leaked so far."""
    client.get("/orders").raise_for_status()
    found = client.get("/poolwatch/loans").json()["pools"]
    return len({pool["process"] for pool in found if pool["leaks"]})


def test_sigterm_ends_the_parent_and_its_workers_and_leaves_nothing(
    database_url: str, backends: Backends
) -> None:
    # The test's own folder is too deep for the name of a socket.
    with TemporaryDirectory(prefix="t-") as temporary:
        with serving(
            "--workers", "2", DATABASE_URL=database_url, TMPDIR=temporary
        ) as service:
            wait_until(lambda: len(service.children()) >= 2)
            wait_until(lambda: [*Path(temporary).glob("poolwatch-*/*.sock")])

            service.sigterm()

            service.exit_code(A_MINUTE)
            wait_until(service.is_all_gone)
            wait_until(lambda: not backends(service))
        assert not [*Path(temporary).glob("poolwatch-*")]
