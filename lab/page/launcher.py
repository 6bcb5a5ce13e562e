"""The service and its page as two processes, kept together until the end.

The service is started again where it ends, as an orchestrator would do; the
page's end is the end. What they log goes to files, and the last lines are
shown where one of them fails.
"""

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from app.cli.start import listen
from lab.child import child_process, log_tail
from lab.service import ServiceFailedError, wait_until_alive

HOST = "127.0.0.1"
LOOK_SECONDS = 0.1
PAUSE_SECONDS = 2
"""Wait before a restart. Until then the page says that the service is down."""
ENDS = 3
MINUTE = 60
"""A service that ends so often in so many seconds would end again."""
POOL_TIMEOUT = "5"
"""Seconds; with the default of 30 a room would wait for the first timeout."""

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the service, poolwatch's thread and the page listen."""

    service: int
    poolwatch: int
    page: int


@dataclass(frozen=True, slots=True)
class Child:
    """One of the two processes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    url: str

    def wait_until_alive(self) -> None:
        """Wait until it responds; raise a ServiceFailedError otherwise."""
        wait_until_alive(self.url, self.process, self.log)

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.process.poll() is not None

    def __str__(self) -> str:
        """Say that it has ended, and where its log is."""
        code = self.process.returncode
        return f"the {self.name} has ended (exit code {code}); log: {self.log}"

    def failure(self) -> ServiceFailedError:
        """Say it with its last words, as the log ends with this process."""
        return ServiceFailedError(f"{self}\n{log_tail(self.log)}")


def run(ports: Ports, say: Say, show: Say) -> None:
    """Run both until the page ends, or this process is interrupted.

    Args:
        ports: of 127.0.0.1; all must be free.
        say: prints a line about what happens.
        show: is given the page's address once there is something to see.

    Raises:
        OSError: a port is taken.
        ServiceFailedError: the page has ended, or the service again and
            again.

    """
    _see_that_they_are_free(ports)
    service, page = (
        f"http://{HOST}:{port}" for port in (ports.service, ports.page)
    )
    poolwatch = f"http://{HOST}:{ports.poolwatch}"
    serve = ["app", "serve", "--port", str(ports.service)]
    look = ["lab.page", "--port", str(ports.page)]
    look += ["--service", service, "--poolwatch", poolwatch]

    with TemporaryDirectory(prefix="lab-") as folder:
        start = partial(
            _running,
            folder=Path(folder),
            environment=_environment(ports, Path(folder)),
        )
        ends: deque[float] = deque(maxlen=ENDS)
        with start("page", look, page) as watching:
            while True:
                with start("service", serve, service) as serving:
                    serving.wait_until_alive()
                    if ends:
                        say("the service responds again")
                    else:
                        watching.wait_until_alive()
                        show(page)
                    _wait_until_one_ends(watching, serving)
                if watching.has_ended:
                    raise watching.failure()
                ends.append(time.monotonic())
                if len(ends) == ENDS and ends[-1] - ends[0] < MINUTE:
                    raise serving.failure()
                say(f"{serving}; it is started again")
                time.sleep(PAUSE_SECONDS)


def _wait_until_one_ends(page: Child, service: Child) -> None:
    while not (page.has_ended or service.has_ended):
        time.sleep(LOOK_SECONDS)


def _see_that_they_are_free(ports: Ports) -> None:
    with ExitStack() as held:
        for option, port in (
            ("--port", ports.service),
            ("--poolwatch-port", ports.poolwatch),
            ("--page-port", ports.page),
        ):
            held.enter_context(listen(HOST, port, option))


def _environment(ports: Ports, folder: Path) -> dict[str, str]:
    """The environment of both; flags of their own, unless a file is given."""
    flags = copyfile("flags.json", folder / "flags.json")
    chosen = {"POOL_TIMEOUT": POOL_TIMEOUT, "FLAGS_FILE": str(flags)}
    return (
        chosen
        | os.environ
        | {
            "LAB_ENABLED": "true",
            "POOLWATCH_PORT": str(ports.poolwatch),
            "WEB_CONCURRENCY": "1",  # a reset is one process's
        }
    )


@contextmanager
def _running(
    name: str,
    module: list[str],
    url: str,
    folder: Path,
    environment: dict[str, str],
) -> Iterator[Child]:
    """Run a module, deaf to the terminal's Ctrl-C, until the block is left."""
    log = folder / f"{name}.log"
    with (
        log.open("ab") as output,
        child_process(module, environment, output) as process,
    ):
        yield Child(name, process, log, url)
