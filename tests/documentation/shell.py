"""The terminals of a page: one shell, and one more for each service.

Each command is a bash of its own, which takes over the folder, the variables
and the functions of the one before. So a command that hangs is ended by
itself, and what it has printed is whole when it has ended. Whatever a page
starts carries a mark in its environment, by which it is found again.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psutil

BOUND = 240
"""Seconds that a command may take; `make demo` needs half of it."""

SECONDS_TO_END = 60
"""What a service has to end in, and its database."""

MARK = "DOCUMENTATION_TEST"

ONE_COMMAND = """
source "$2" 2>/dev/null || true
keep() { declare -p; declare -f; printf 'cd %q\\n' "$PWD"; }
trap 'code=$?; keep >"$2" 2>/dev/null; exit $code' EXIT
set $3
eval "$1"
"""
BASH = ("bash", "--noprofile", "--norc", "-c", ONE_COMMAND, "bash")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended, by itself or by its bound."""

    code: int | None
    """None if it had to be ended."""

    printed: str
    """Standard output and standard error, in their order."""


@dataclass(slots=True)
class Terminal:
    """Something that goes on until the page's end."""

    command: str
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def printed(self) -> str:
        """Return its output so far."""
        return self.output.read_text(errors="replace")


class Shell:
    """Runs a page's commands in one folder; `close` ends all of them."""

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        prefix: Sequence[str] = (),
        bound: float = BOUND,
    ) -> None:
        """Begin in a folder, each command after the prefix."""
        self.terminals: list[Terminal] = []
        self.broken = ""
        """Why nothing more can be run here, if so."""

        self._folder = folder
        self._mark = uuid4().hex
        self._environment = environment | {MARK: self._mark}
        self._prefix = prefix
        self.bound = bound
        self._own = TemporaryDirectory(prefix="shell-")
        self._state = Path(self._own.name, "state")

    def run(self, command: str, options: str = "+e") -> Ran:
        """Run a command to its end, or to its bound."""
        terminal = self._open(command, self._state, options)
        try:
            code = terminal.process.wait(self.bound)
        except subprocess.TimeoutExpired:
            self._end(terminal)
            return Ran(None, terminal.printed)
        except BaseException:
            self._end(terminal)
            raise
        return Ran(code, terminal.printed)

    def start(self, command: str, stands: Callable[[str], object]) -> bool:
        """Start what goes on, and wait until its output is as it should be."""
        state = self._state.with_suffix(f".{len(self.terminals)}")
        if self._state.exists():
            shutil.copy(self._state, state)
        terminal = self._open(command, state, "+e")
        self.terminals.append(terminal)
        deadline = time.monotonic() + self.bound
        while time.monotonic() < deadline:
            goes_on = terminal.process.poll() is None
            if stands(terminal.printed):
                return True
            if not goes_on:
                return False
            time.sleep(0.05)
        return False

    def close(self) -> list[str]:
        """End what goes on; name what does not end then, and kill it."""
        for terminal in self.terminals:
            _signal(terminal, signal.SIGTERM)
        deadline = time.monotonic() + SECONDS_TO_END
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.05)
        names = [_name(process) for process in left]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for terminal in self.terminals:
            terminal.process.wait(SECONDS_TO_END)
        psutil.wait_procs(left, SECONDS_TO_END)
        self._own.cleanup()
        return names

    def _open(self, command: str, state: Path, options: str) -> Terminal:
        output = Path(self._own.name, uuid4().hex)
        with output.open("wb") as printed:
            process = subprocess.Popen(
                [*self._prefix, *BASH, command, str(state), options],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Terminal(command, process, output)

    def _end(self, terminal: Terminal) -> None:
        """End a command that would go on, and what it waits for."""
        _signal(terminal, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            terminal.process.wait(self.bound)
        _signal(terminal, signal.SIGKILL)
        terminal.process.wait(SECONDS_TO_END)

    def _left(self) -> list[psutil.Process]:
        """Every process that carries the mark, in any session."""
        for terminal in self.terminals:
            terminal.process.poll()
        return [each for each in psutil.process_iter() if self._is_ours(each)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self._mark
        except psutil.Error:
            return False


def _signal(terminal: Terminal, number: signal.Signals) -> None:
    """Signal all of a terminal's process group, the first gone or not."""
    with suppress(ProcessLookupError):
        os.killpg(terminal.process.pid, number)


def _name(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.NoSuchProcess:
        return str(process.pid)
