"""Run `python -m app …` as a real process, and end it with its block."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import (
    chdir,
    contextmanager,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from dataclasses import dataclass, field
from importlib import import_module
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import httpx
import psutil
import pytest

from app.cli.run import run as run_command_line
from app.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = {name.upper() for name in Settings.model_fields}

SERVICE_COMMANDS = {"serve", "migrate", "seed", "budget"}

HANDLED = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM)
"""Signals that a command line handles in its own way."""

A_MINUTE = 60
"""A bound, not a claim: a busy machine takes several times as long."""


@dataclass(slots=True)
class Command:
    """A process in a new session, as a terminal starts it."""

    process: subprocess.Popen[bytes]
    _printed: Path
    _told: Path
    family: list[psutil.Process] = field(default_factory=list)
    """It and its descendants, as last seen."""

    @property
    def printed(self) -> str:
        """Its standard output so far."""
        return self._printed.read_text()

    @property
    def told(self) -> str:
        """Its standard error so far: progress, log lines, errors."""
        return self._told.read_text()

    def children(self) -> list[psutil.Process]:
        """Its descendants, in any session."""
        if self.process.poll() is None:  # else its id may be another's
            itself = psutil.Process(self.process.pid)
            self.family = [itself, *itself.children(recursive=True)]
        return self.family[1:]

    def sigterm(self) -> None:
        """Send SIGTERM, as a container's runtime does."""
        self.children()
        self.process.terminate()

    def hangup(self) -> None:
        """Send SIGHUP, as a terminal does when it is closed."""
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            pytest.skip("under nohup, commands ignore SIGHUP")
        self.children()
        self.process.send_signal(signal.SIGHUP)

    def ctrl_c(self) -> None:
        """Interrupt its process group, as a terminal does."""
        self.children()
        os.killpg(self.process.pid, signal.SIGINT)

    def exit_code(self, seconds: float = 60) -> int:
        """Wait until it has ended."""
        return self.process.wait(seconds)

    def is_all_gone(self) -> bool:
        """Whether nothing is left of the family."""
        return not any(map(_is_alive, self.family))


@dataclass(slots=True)
class Service(Command):
    """A `serve` that is ready."""

    url: str = ""


@contextmanager
def running(
    *arguments: str, folder: Path = ROOT, **settings: str
) -> Iterator[Command]:
    """Start a command in a folder, with these settings and no others.

    A `serve` without a database is the lab's, which brings its own.
    """
    program = _program(arguments[0], settings)
    with TemporaryDirectory(prefix="output-") as output:
        printed, told = Path(output, "stdout"), Path(output, "stderr")
        with printed.open("wb") as stdout, told.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", program, *arguments],
                cwd=folder,
                env=_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        command = Command(process, printed, told)
        try:
            yield command
        finally:
            _end(command)


@contextmanager
def serving(
    *arguments: str, folder: Path = ROOT, **settings: str
) -> Iterator[Service]:
    """Start `serve`, and wait until it is ready."""
    port = free_port()
    with running(
        *("serve", "--port", str(port), *arguments),
        folder=folder,
        **settings,
    ) as command:
        wait_until(
            lambda: (
                responds(port, "/healthz")
                or command.process.poll() is not None
            )
        )
        assert command.process.poll() is None, command.told
        yield Service(
            command.process,
            command._printed,
            command._told,
            url=f"http://127.0.0.1:{port}",
        )


def run(
    *arguments: str, folder: Path = ROOT, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    with running(*arguments, folder=folder, **settings) as command:
        code = command.exit_code()
        return subprocess.CompletedProcess(
            arguments, code, command.printed, command.told
        )


def run_here(
    *arguments: str, folder: Path = ROOT, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in this process, through its own `main`."""
    program = _program(arguments[0], settings)
    cli = import_module(f"{program}.__main__").cli
    handlers = {number: signal.getsignal(number) for number in HANDLED}
    printed, told = StringIO(), StringIO()
    try:
        with (
            patch.dict(os.environ, _environment(settings), clear=True),
            patch.object(sys, "argv", [program, *arguments]),
            chdir(folder),
            redirect_stdout(printed),
            redirect_stderr(told),
            pytest.raises(SystemExit) as end,
        ):
            run_command_line(cli)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(
        arguments,
        int(end.value.code or 0),
        printed.getvalue(),
        told.getvalue(),
    )


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """The environment, with these settings and no others."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in SETTINGS
    }
    return inherited | {"PYTHONPATH": str(ROOT)} | settings


def _program(command: str, settings: dict[str, str]) -> str:
    """The command line that has this command."""
    if command == "serve" and "DATABASE_URL" not in settings:
        return "lab"
    return "app" if command in SERVICE_COMMANDS else "lab"


def wait_until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Poll a condition until it is true, and fail if it stays false."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def _end(command: Command) -> None:
    """End what a failed test has left."""
    if command.process.poll() is None:
        command.sigterm()
        with suppress(subprocess.TimeoutExpired):
            command.exit_code(A_MINUTE)
    for process in filter(_is_alive, command.family):
        process.kill()
    command.exit_code()


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether a program listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def responds(port: int, path: str) -> bool:
    """Whether a service at a port of this machine serves a path."""
    if not listens(port):  # each HTTP client takes 25 ms to load certificates
        return False
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}{path}").is_success
    return False
