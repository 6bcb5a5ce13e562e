"""`page`: two processes that end together, and leave nothing."""

import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.page.lab import RunningLab, running_lab
from tests.process.command import Command, free_port, run, wait_until
from tests.process.conftest import Backends


@pytest.fixture
def lab(database_url: str) -> Iterator[RunningLab]:
    """The service and its page, both answering."""
    with running_lab(database_url) as lab:
        yield lab


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(Command.sigterm, id="sigterm"),
        pytest.param(Command.ctrl_c, id="ctrl_c", marks=pytest.mark.slow),
        pytest.param(Command.hangup, id="hangup", marks=pytest.mark.slow),
    ],
)
def test_it_ends_both_and_leaves_nothing(
    lab: RunningLab, backends: Backends, ask: Callable[[Command], None]
) -> None:
    assert httpx.get(lab.page).is_success
    assert httpx.get(f"{lab.service}/healthz").is_success
    assert backends(lab.command)

    ask(lab.command)

    lab.command.exit_code()
    wait_until(lab.command.is_all_gone)
    wait_until(lambda: not backends(lab.command))
    assert "Traceback" not in lab.command.told


@pytest.mark.slow
def test_the_end_of_the_page_is_the_end_and_says_why(
    lab: RunningLab, backends: Backends
) -> None:
    backends(lab.command)
    lab.process("lab.page").kill()

    assert lab.command.exit_code() == 2
    wait_until(lab.command.is_all_gone)
    assert "error: the page has ended (exit code -9)" in lab.command.told
    assert "Traceback" not in lab.command.told


@pytest.mark.parametrize("option", ["--port", "--page-port"])
def test_a_port_that_is_taken_is_one_line_and_exit_code_2(
    database_url: str, option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = run(
            "page",
            "--no-open",
            *("--port", str(free_port()), "--page-port", str(free_port())),
            *("--poolwatch-port", str(free_port()), option, str(port)),
            DATABASE_URL=database_url,
        )

    assert refused.returncode == 2
    assert refused.stderr == (
        f"error: 127.0.0.1:{port}: address already in use;"
        f" choose another {option}\n"
    )
