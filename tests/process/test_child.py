"""A child process ends with its block, and when a signal comes too early."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import child


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Each process, sent a SIGTERM of ours before anybody else has it."""
    found: list[subprocess.Popen[bytes]] = []
    plain = subprocess.Popen

    def interrupted(
        *args: Any,  # noqa: ANN401 - whatever it is called with
        **kwargs: Any,  # noqa: ANN401
    ) -> subprocess.Popen[bytes]:
        found.append(plain(*args, **kwargs))
        signal.raise_signal(signal.SIGTERM)
        return found[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    return found


@pytest.fixture
def _sigterm_exits() -> Iterator[None]:
    """As the command line has it."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_sigterm_exits")
def test_a_signal_in_the_midst_of_a_start_leaves_no_child(
    started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    idle = ["http.server", "--bind", "127.0.0.1", "0"]
    entered = False
    try:
        with (
            (tmp_path / "log").open("wb") as log,
            pytest.raises(SystemExit),
            child.child_process(idle, {}, log),
        ):
            entered = True

        assert not entered
        assert [process.poll() is not None for process in started] == [True]
    finally:
        for process in started:
            process.kill()
            process.wait()
