"""The thread with a port of its own, which no blocked event loop silences."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from prometheus_client import REGISTRY

from app.main import create_app
from app.settings import Settings
from poolwatch import Ledger, Reporter
from poolwatch.metrics.prometheus import Exporter
from poolwatch.pages.process import ThisProcess
from poolwatch.pages.thread_server import serve_in_thread
from tests.conftest import TOKEN
from tests.garbage import without_collector
from tests.process.command import free_port, listens, wait_until

BLOCKED_SECONDS = 30
"""At most; time enough to ask the own port, also with both cores busy."""


@dataclass(frozen=True, slots=True)
class Blockable:
    """A service whose event loop can be blocked, and its own port."""

    app: httpx.Client
    port: httpx.Client
    background: ThreadPoolExecutor
    seen: threading.Event
    """Ends the block."""

    def block(self) -> Future[httpx.Response]:
        """Block the event loop; done when it turns again."""
        blocking = self.background.submit(self.app.get, "/block")
        wait_until(lambda: not self.answers())
        return blocking

    def answers(self) -> bool:
        """Whether the application answers on its own event loop."""
        try:
            return self.app.get("/healthz", timeout=0.3).is_success
        except httpx.TimeoutException:
            return False


@contextmanager
def serving(settings: Settings, seen: threading.Event) -> Iterator[str]:
    """Serve the application from a thread, so that the test is not blocked."""

    async def block() -> None:
        seen.wait(BLOCKED_SECONDS)  # the fault to be seen

    app = create_app(settings)
    app.add_api_route("/block", block)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def service(settings: Settings) -> Iterator[Blockable]:
    port = free_port()
    watched = settings.model_copy(update={"poolwatch_port": port})
    seen = threading.Event()
    with (
        without_collector(),
        serving(watched, seen) as url,
        httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}
        ) as app,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as own,
        ThreadPoolExecutor() as background,
    ):
        yield Blockable(app, own, background, seen)
        seen.set()


@pytest.mark.parametrize(
    "path", ["/healthz", "/metrics", "/poolwatch/loans", "/poolwatch/leaks"]
)
def test_answers_while_the_event_loop_is_blocked(
    service: Blockable, path: str
) -> None:
    blocking = service.block()

    answer = service.port.get(path)

    assert answer.status_code == 200, (answer.text, answer.headers)
    assert not blocking.done()


def test_calls_a_blocked_event_loop_that(service: Blockable) -> None:
    blocking = service.block()

    def verdict() -> Any:  # noqa: ANN401
        [pool, *_] = service.port.get("/poolwatch/loans").json()["pools"]
        return pool["verdict"]

    wait_until(verdict)

    assert verdict()["cause"] == "blocked event loop"
    assert not blocking.done()


def test_reads_pg_stat_activity_while_the_event_loop_is_blocked(
    service: Blockable,
) -> None:
    service.app.get("/before/orders/1")
    blocking = service.block()

    page = service.port.get("/poolwatch/loans").json()

    assert page["loans"][0]["activity"]["state"] == "idle in transaction"
    assert not blocking.done()


def test_shows_what_the_application_shows(service: Blockable) -> None:
    service.app.get("/before/orders/1")

    [here] = service.port.get("/poolwatch/loans").json()["loans"]
    [there] = service.app.get("/poolwatch/loans").json()["loans"]

    assert here["pid"] == there["pid"]
    assert here["site"] == there["site"]


def test_shows_the_metrics_that_the_application_shows(
    service: Blockable,
) -> None:
    service.app.get("/before/orders/1")
    service.app.get("/metrics")  # counts itself from now on

    wait_until(lambda: series(service.port) == series(service.app))

    assert 'db_connections_active{state="active"}' in series(service.port)


def series(client: httpx.Client) -> set[str]:
    """The names of the exported metrics."""
    page = client.get("/metrics").text
    return {sample.rsplit(" ", 1)[0] for sample in page.splitlines()}


def test_shows_the_servers_states_while_the_event_loop_is_blocked(
    service: Blockable,
) -> None:
    service.app.get("/before/orders/1")
    blocking = service.block()

    metrics = service.port.get("/metrics").text

    held = 'db_connections_active{state="idle in transaction"} 1.0'
    assert held in metrics.splitlines()
    assert not blocking.done()


def test_one_process_alone_needs_no_label(service: Blockable) -> None:
    metrics = service.port.get("/metrics").text

    assert 'poolwatch_garbage_collected_total{pool="engine"} 0.0' in metrics
    assert "process=" not in metrics


@pytest.fixture
def process() -> nullcontext[ThisProcess]:
    return nullcontext(ThisProcess(Ledger(), Reporter()))


def test_shows_the_default_registrys_metrics_unless_told_otherwise(
    process: nullcontext[ThisProcess],
) -> None:
    port = free_port()
    exporter = Exporter(Ledger(), REGISTRY)
    try:
        with serve_in_thread(process, port):
            metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    finally:
        REGISTRY.unregister(exporter)

    assert "# TYPE poolwatch_leaks_total counter" in metrics


def test_a_taken_port_is_an_error_that_names_it(
    process: nullcontext[ThisProcess],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(
                OSError,
                match=f"cannot have 127.0.0.1:{port}: address already in use",
            ),
            serve_in_thread(process, port),
        ):
            pass


def test_gives_port_and_thread_back_at_the_end(
    process: nullcontext[ThisProcess],
) -> None:
    port = free_port()

    with serve_in_thread(process, port):
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").is_success

    assert "poolwatch pages" not in {
        thread.name for thread in threading.enumerate()
    }
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_ends_while_a_client_says_nothing(
    process: nullcontext[ThisProcess],
) -> None:
    port = free_port()
    with serve_in_thread(process, port):
        silent = socket.create_connection(("127.0.0.1", port))
        silent.send(b"GET /healthz HTTP/1.1\r\n")

    silent.close()


def test_what_fails_in_the_block_is_raised_as_it_is(
    process: nullcontext[ThisProcess],
) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        serve_in_thread(process, free_port()),
    ):
        raise ZeroDivisionError


def test_listens_where_it_is_told_to(
    process: nullcontext[ThisProcess],
) -> None:
    port = free_port()
    with serve_in_thread(process, port, host="127.0.0.2"):
        assert httpx.get(f"http://127.0.0.2:{port}/healthz").is_success
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_listens_at_the_loopback_address_alone(
    process: nullcontext[ThisProcess],
) -> None:
    port = free_port()
    with serve_in_thread(process, port), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port))


@pytest.mark.parametrize("is_shared", [False, True])
def test_refuses_hosts_that_are_not_meant(
    process: nullcontext[ThisProcess],
    is_shared: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/poolwatch/loans"

    def status(host: str) -> int:
        return httpx.get(url, headers={"Host": host}).status_code

    with serve_in_thread(
        process,
        port,
        tmp_path if is_shared else None,
        allowed_hosts=["app"],
    ):
        wait_until(lambda: listens(port))

        assert status("evil.example") == 400
        assert status("evil.example:9001") == 400
        for meant in ("app:9001", "localhost", "127.0.0.1", "[::1]:9001"):
            assert status(meant) == 200
