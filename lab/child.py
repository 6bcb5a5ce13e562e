"""A child process that ends with its block, whenever a signal comes."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import current_thread, main_thread
from typing import BinaryIO

STOP_SECONDS = 15
TAIL = 2000
"""Characters; an error and its context fit in."""


def log_tail(log: Path) -> str:
    """Read the end of a log, for the message about its process."""
    return log.read_text(errors="replace")[-TAIL:].strip()


@contextmanager
def child_process(
    module: list[str], environment: Mapping[str, str], output: BinaryIO
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m MODULE …` until the block is left.

    The process has its own session, so Ctrl-C interrupts its parent only.

    Args:
        module: the module and its arguments.
        environment: all of its environment variables.
        output: the file for its output and its errors.

    """
    with ExitStack() as closing:
        with _signals_held_back():
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", *module],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            closing.callback(_stop, process)
        yield process


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the block is left.

    A handler that raises between the fork and the next line would lose the
    child. The signals are not blocked, because the child would inherit that.
    """
    if current_thread() is not main_thread():  # which has all the handlers
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda caught, _: came.append(caught))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for caught in came:
        signal.raise_signal(caught)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process; kill it if it does not end in time."""
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    finally:
        process.kill()
        process.wait()
