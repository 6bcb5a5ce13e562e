"""`python -m lab page`, on ports of its own, with pools that fill quickly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil

from poolwatch.pages.models import LoansPage
from tests.process.command import Command, free_port, running, wait_until

TOKEN = "the lab's token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True, slots=True)
class RunningLab:
    """The running command, and where its two processes listen."""

    command: Command
    service: str
    poolwatch: str
    page: str

    def ask(self, method: str, path: str, **body: object) -> httpx.Response:
        """Ask the service's lab."""
        return httpx.request(
            method,
            self.service + path,
            json=body or None,
            headers=HEADERS,
            timeout=60,
        ).raise_for_status()

    def get(self, path: str) -> httpx.Response:
        """Send the service a request."""
        return httpx.get(self.service + path, timeout=60)

    def loans(self) -> LoansPage:
        """Who holds what, as poolwatch's thread shows."""
        answer = httpx.get(f"{self.poolwatch}/poolwatch/loans", timeout=10)
        return LoansPage.model_validate_json(answer.raise_for_status().content)

    def process(self, argument: str) -> psutil.Process:
        """The child that was started with this argument."""
        [found] = [
            child
            for child in psutil.Process(self.command.process.pid).children()
            if argument in child.cmdline()
        ]
        return found


@contextmanager
def running_lab(
    database_url: str, buffer: int = 1, timeout: int = 1
) -> Iterator[RunningLab]:
    """Start it without a browser, and wait until there is something to see.

    With a buffer of one, six requests exhaust the engine, and four the other
    pool; with one of seventeen the pools are as large as by default.
    """
    service, poolwatch, page = (free_port() for _ in range(3))
    with running(
        "page",
        "--no-open",
        *("--port", str(service)),
        *("--poolwatch-port", str(poolwatch)),
        *("--page-port", str(page)),
        LAB_TOKEN=TOKEN,
        DATABASE_URL=database_url,
        POOL_WORKERS="1",
        POOL_CONNECTIONS_PER_WORKER="3",
        POOL_BUFFER=str(buffer),
        POOL_TIMEOUT=str(timeout),
    ) as command:
        wait_until(
            lambda: (
                "the page:" in command.told
                or command.process.poll() is not None
            ),
            60,
        )
        assert command.process.poll() is None, command.told
        yield RunningLab(
            command,
            *(
                f"http://127.0.0.1:{port}"
                for port in (service, poolwatch, page)
            ),
        )
