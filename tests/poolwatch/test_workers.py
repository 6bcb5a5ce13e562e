"""`serve --workers 2`: whichever worker is asked, it shows what all know."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from poolwatch.pages.process import ThisProcess
from poolwatch.pages.thread_server import serve_in_thread
from poolwatch.pages.workers import AllWorkers
from tests.process.command import (
    ROOT,
    Service,
    free_port,
    serving,
    wait_until,
)

TOKEN = "the lab's token"
LEAKS = 6
"""Requests that leak one connection each, three to either worker."""
LEAK = "/before/analytics?since=2999-01-01"
SocketOf = Callable[[int], Path]


class Workers:
    """Two workers behind one port, and the port that one of them has."""

    def __init__(self, service: Service, port: int, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.app = httpx.Client(
            base_url=service.url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=10,
        )
        self.own = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=10
        )

    def processes(self) -> set[int]:
        """The workers that answer."""
        page = self.own.get("/poolwatch/loans").json()
        return {process["process"] for process in page["processes"]}

    def holder(self) -> int:
        """The worker that has the port."""
        process: int = self.own.get("/healthz").json()["process"]
        return process

    def leak(self) -> None:
        """Leak in both workers: a connection stays with its worker."""
        with ExitStack() as stack:
            clients: dict[int, httpx.Client] = {}
            while len(clients) < 2:
                client = stack.enter_context(
                    httpx.Client(base_url=self.service.url, timeout=10)
                )
                clients[self.behind(client)] = client
            for client in clients.values():
                for _ in range(LEAKS // 2):
                    client.get(LEAK)

    def behind(self, client: httpx.Client) -> int:
        """The process at the other end of a client's connection."""
        stream = client.get("/healthz").extensions["network_stream"]
        here = stream.get_extra_info("client_addr")
        return next(
            process.pid
            for process in self.service.children()
            for connection in process.net_connections(kind="tcp")
            if connection.raddr == here
        )


@contextmanager
def two_workers(
    database_url: str, port: int | None = None
) -> Iterator[Workers]:
    with TemporaryDirectory(prefix="workers-") as folder:
        port = port or free_port()
        with serving(
            "--workers",
            "2",
            DATABASE_URL=database_url,
            LAB_ENABLED="true",
            LAB_TOKEN=TOKEN,
            FLAGS_FILE=copy(ROOT / "flags.json", folder),
            POOLWATCH_PORT=str(port),
            POOLWATCH_FOLDER=folder,
        ) as service:
            workers = Workers(service, port, Path(folder))
            with workers.app, workers.own:
                yield workers


@pytest.fixture(scope="module")
def leaky(database_url: str) -> Iterator[Workers]:
    """Both have leaked."""
    with two_workers(database_url) as workers:
        wait_until(lambda: len(workers.processes()) == 2)
        workers.leak()
        yield workers


@pytest.fixture
def workers(database_url: str) -> Iterator[Workers]:
    """For a test that ends one of them."""
    with two_workers(database_url) as workers:
        wait_until(lambda: len(workers.processes()) == 2)
        yield workers


asked = pytest.mark.parametrize("asked", ["app", "own"])
"""The application, whichever worker that is, and the port of its own."""


def page(workers: Workers, asked: str, path: str) -> Any:  # noqa: ANN401
    client: httpx.Client = getattr(workers, asked)
    return client.get(path).raise_for_status().json()


def samples(
    workers: Workers, asked: str, name: str
) -> list[tuple[dict[str, str], float]]:
    client: httpx.Client = getattr(workers, asked)
    text = client.get("/metrics").raise_for_status().text
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


@asked
def test_loans_of_both_are_shown(leaky: Workers, asked: str) -> None:
    loans = page(leaky, asked, "/poolwatch/loans")["loans"]

    assert len(loans) == LEAKS
    assert {loan["process"] for loan in loans} == leaky.processes()


@asked
def test_each_loan_has_its_row_of_pg_stat_activity(
    leaky: Workers, asked: str
) -> None:
    loans = page(leaky, asked, "/poolwatch/loans")["loans"]

    assert {loan["activity"]["pid"] for loan in loans} == {
        loan["pid"] for loan in loans
    }


@asked
def test_leaks_of_both_are_counted(leaky: Workers, asked: str) -> None:
    sites = page(leaky, asked, "/poolwatch/leaks")["sites"]

    assert sum(site["leaks"] for site in sites) == LEAKS
    assert {site["process"] for site in sites} == leaky.processes()


@asked
def test_metrics_of_both_add_up(leaky: Workers, asked: str) -> None:
    found = samples(leaky, asked, "poolwatch_leaks_total")

    assert sum(value for _, value in found) == LEAKS


@asked
def test_every_metric_names_its_process(leaky: Workers, asked: str) -> None:
    for name in (
        "db_client_connection_max",
        "db_client_connection_use_time_seconds_bucket",
        "db_pool_connections_active",
        "poolwatch_event_loop_lag_seconds",
        "process_resident_memory_bytes",
    ):
        found = samples(leaky, asked, name)
        assert {int(labels["process"]) for labels, _ in found} == (
            leaky.processes()
        )


@asked
def test_a_family_stands_once_in_an_exposition(
    leaky: Workers, asked: str
) -> None:
    client: httpx.Client = getattr(leaky, asked)
    families = re.findall(r"# TYPE (\S+)", client.get("/metrics").text)

    assert len(families) == len(set(families))


@asked
def test_what_the_server_counts_is_nobodys_own(
    leaky: Workers, asked: str
) -> None:
    found = samples(leaky, asked, "db_connections_active")

    assert {tuple(labels) for labels, _ in found} == {("state",)}


def test_the_asking_request_is_not_counted(leaky: Workers) -> None:
    found = page(leaky, "app", "/poolwatch/loans")["processes"]

    assert [process["borrowers"] for process in found] == [0, 0]


@pytest.mark.slow
def test_another_takes_the_port_over_from_a_dead_worker(
    workers: Workers,
) -> None:
    dead = workers.holder()
    os.kill(dead, signal.SIGKILL)

    def taken_over() -> bool:
        with suppress(httpx.TransportError):
            return workers.holder() != dead
        return False

    wait_until(taken_over)


@pytest.mark.slow
def test_a_dead_workers_socket_is_taken_away(workers: Workers) -> None:
    [dead] = workers.processes() - {workers.holder()}
    left = workers.folder / f"{dead}.sock"
    os.kill(dead, signal.SIGKILL)

    wait_until(lambda: workers.processes() and not left.exists())


def test_a_worker_that_does_not_answer_is_named(workers: Workers) -> None:
    holder = workers.holder()
    [stopped] = workers.processes() - {holder}
    os.kill(stopped, signal.SIGSTOP)
    try:
        silent = page(workers, "own", "/poolwatch/loans")["silent"]
        up = samples(workers, "own", "poolwatch_process_up")
    finally:
        os.kill(stopped, signal.SIGCONT)

    assert silent == [stopped]
    assert {int(labels["process"]): value for labels, value in up} == {
        holder: 1,
        stopped: 0,
    }


@pytest.mark.slow
def test_a_port_that_a_stranger_has_is_complained_of_and_no_more(
    database_url: str,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with two_workers(database_url, port) as workers:
            wait_until(
                lambda: (
                    f"poolwatch cannot have 127.0.0.1:{port}"
                    in workers.service.told
                )
            )
            assert workers.app.get("/metrics").is_success


@asked
def test_a_socket_of_another_program_is_left_alone(
    leaky: Workers, asked: str
) -> None:
    other = leaky.folder / "gunicorn.sock"
    other.touch()

    assert page(leaky, asked, "/poolwatch/loans")["silent"] == []
    assert samples(leaky, asked, "poolwatch_leaks_total")
    assert other.exists()


@pytest.fixture
def socket_of() -> Iterator[SocketOf]:
    """A folder in which this process's socket has a name of so many bytes."""
    with TemporaryDirectory(prefix="t-") as temporary:

        def padded(size: int) -> Path:
            short = f"{temporary}//{os.getpid()}.sock"
            return Path(temporary, "x" * (size - len(short)))

        yield padded


def test_a_folder_too_long_for_a_socket_is_an_error_that_says_so(
    socket_of: SocketOf,
) -> None:
    with (
        pytest.raises(OSError, match=r"needs a shorter folder: .* 108 bytes"),
        serve_in_thread(nullcontext(ThisProcess()), folder=socket_of(108)),
    ):
        pass


def test_a_folder_that_is_just_short_enough_is_met_in(
    socket_of: SocketOf,
) -> None:
    folder = socket_of(107)
    with serve_in_thread(nullcontext(ThisProcess()), folder=folder):
        loans = asyncio.run(AllWorkers(folder, ThisProcess()).loans())

    assert [process.process for process in loans.processes] == [os.getpid()]


@pytest.mark.slow
def test_workers_meet_without_being_told_where(database_url: str) -> None:
    with serving("--workers", "2", DATABASE_URL=database_url) as service:

        def named() -> set[str]:
            text = httpx.get(f"{service.url}/metrics").text
            return set(re.findall(r'process="(\d+)"', text))

        wait_until(lambda: len(named()) == 2)
