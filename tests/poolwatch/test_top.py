"""`python -m poolwatch top`, as it is run in a terminal and in a pipe."""

import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import create_engine, make_url

import poolwatch
from poolwatch.pages import top
from poolwatch.pages.process import ThisProcess
from poolwatch.pages.thread_server import serve_in_thread

TOP = [sys.executable, "-m", "poolwatch", "top"]
ENVIRONMENT = os.environ | {"COLUMNS": "150", "LINES": "50", "TERM": "xterm"}


@pytest.fixture
def process(database_url: str) -> Iterator[ThisProcess]:
    """A pool of two, both leaked by a nightly job."""
    ledger, reporter = poolwatch.Ledger(), poolwatch.Reporter()
    ledger.listeners.append(reporter)
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_size=2, max_overflow=0)
    poolwatch.watch(engine, "engine", ledger)
    with ledger.borrower("nightly job"):
        kept = [engine.connect() for _ in range(2)]
    yield ThisProcess(ledger, reporter)
    for connection in kept:
        connection.close()
    engine.dispose()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def service(process: ThisProcess, port: int) -> Iterator[str]:
    """Poolwatch's pages at an address of their own."""
    with serve_in_thread(nullcontext(process), port):
        yield f"127.0.0.1:{port}"


def once(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOP, "--once", *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_shows_each_pool_with_its_verdict(service: str) -> None:
    [line] = [
        line
        for line in once(service).stdout.splitlines()
        if "leak:" in line and "2 of 2" in line
    ]

    assert line.split()[1:4] == ["engine", "2", "2"]


def test_groups_loans_by_line_and_state(service: str) -> None:
    [line] = [
        line for line in once(service).stdout.splitlines() if "leaked" in line
    ]

    assert line.split()[:3] == ["engine", "2", "leaked"]
    assert "tests/poolwatch/test_top.py:" in line


def test_identical_findings_are_one_line_with_a_count(service: str) -> None:
    [line] = [
        line
        for line in once(service).stdout.splitlines()
        if "leak: nightly job, pool 'engine'" in line
    ]

    assert line.split()[1] == "2"


def test_one_look_exits_0(service: str) -> None:
    assert once(service).returncode == 0


def test_one_look_without_an_answer_exits_1_and_says_so(port: int) -> None:
    looked = once(f"127.0.0.1:{port}")

    assert looked.returncode == 1
    assert looked.stderr == (
        f"http://127.0.0.1:{port}: [Errno 111] Connection refused\n"
    )


def read_with(respond: Callable[[httpx.Request], httpx.Response]) -> None:
    """Read the pages of a service that responds so."""
    with httpx.Client(
        base_url="http://service", transport=httpx.MockTransport(respond)
    ) as client:
        top.PagesClient(client).show()


def test_a_response_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        events = (b": still here\n\n" for _ in range(1000))
        return httpx.Response(200, content=events)

    monkeypatch.setattr(top, "RESPONSE_SECONDS", 0)
    with pytest.raises(top.NoPagesError, match="no end after 0 s"):
        read_with(respond)


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_wants_a_token_says_how_to_give_it(status: int) -> None:
    with pytest.raises(
        top.NoPagesError, match=f"{status} .+: pass .+ token with --token"
    ):
        read_with(lambda _: httpx.Response(status))


def test_a_url_that_is_none_is_called_so() -> None:
    looked = once("http://127.0.0.1:notaport")

    assert looked.returncode == 2
    assert "Invalid value for 'URL': Invalid port" in looked.stderr


@pytest.mark.parametrize("token", ["schlüssel", "key\n"])
def test_a_token_that_no_header_takes_is_called_so(token: str) -> None:
    looked = once("127.0.0.1", "--token", token)

    assert looked.returncode == 2
    assert "A header takes printable ASCII alone" in looked.stderr
    assert token not in looked.stderr


def test_a_password_is_not_shown(service: str) -> None:
    looked = once(f"user:s3cret@{service}").stdout

    assert f"http://{service}" in looked
    assert "s3cret" not in looked


def test_a_password_is_not_shown_where_nobody_answers(port: int) -> None:
    looked = once(f"user:s3cret@127.0.0.1:{port}").stderr

    assert looked.startswith(f"http://127.0.0.1:{port}: [Errno 111]")


def test_help_names_every_option() -> None:
    helped = subprocess.run(
        [*TOP, "--help"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    for option in ("URL", "--token", "--interval", "--once"):
        assert option in helped


@dataclass(slots=True)
class Terminal:
    """A process in a terminal, and all that it has written there."""

    process: subprocess.Popen[bytes]
    written: bytearray

    def wait_for(self, text: str) -> None:
        """Wait until the text is written after what was waited for last."""
        deadline = time.monotonic() + 30
        while (found := self.written.find(text.encode())) < 0:
            assert time.monotonic() < deadline, self.written.decode()
            time.sleep(0.01)
        del self.written[: found + len(text)]


@contextmanager
def terminal(*arguments: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*TOP, "--interval", "0.1", *arguments],
        env=ENVIRONMENT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = bytearray()

    def read() -> None:
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 65536):
                written.extend(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield Terminal(process, written)
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        os.close(ours)


def test_looks_again_and_again(service: str) -> None:
    with terminal(service) as top:
        for _ in range(3):
            top.wait_for("nightly job")


def test_a_service_that_is_away_is_tried_again(
    process: ThisProcess, port: int
) -> None:
    with terminal(f"127.0.0.1:{port}") as top:
        top.wait_for("Connection refused; trying again")
        with serve_in_thread(nullcontext(process), port):
            top.wait_for("nightly job")
        top.wait_for("trying again")


def test_a_password_is_not_shown_while_it_is_tried_again(port: int) -> None:
    with terminal(f"user:s3cret@127.0.0.1:{port}") as top:
        top.wait_for(f"http://127.0.0.1:{port}: [Errno 111]")


def test_ctrl_c_ends_it_without_a_word(service: str) -> None:
    with terminal(service) as top:
        top.wait_for("nightly job")
        top.process.send_signal(signal.SIGINT)

        assert top.process.wait(30) == 0
        assert b"Traceback" not in top.written
        assert b"Aborted" not in top.written
