"""Run the service as a child process, and find out when it responds."""

import os
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import httpx

from lab.child import child_process, log_tail
from lab.wait_until import wait_until

START_SECONDS = 60


class ServiceFailedError(ChildProcessError):
    """The service did not start, or has ended; the message shows its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service with the lab on, and what clients of it need."""

    url: str
    token: str
    pid: int
    log: Path

    def client(self) -> httpx.Client:
        """Open a client that may use the control endpoints."""
        return httpx.Client(
            base_url=self.url, headers=self.headers, trust_env=False
        )

    @property
    def log_tail(self) -> str:
        """The end of its log."""
        return log_tail(self.log)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the control endpoints require."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def running_service(**settings: str) -> Iterator[Service]:
    """Start a service with the lab on and separate flags, and end it.

    Args:
        settings: environment variables, beside `DATABASE_URL`, which the
            service inherits.

    Raises:
        ServiceFailedError: it did not respond within a minute.

    """
    token = secrets.token_urlsafe()
    with tempfile.TemporaryDirectory(prefix="order-service-") as folder:
        flags = Path(folder, "flags.json")
        copyfile("flags.json", flags)
        lab = {
            "LAB_ENABLED": "true",
            "LAB_TOKEN": token,
            "FLAGS_FILE": str(flags),
        }
        with running(["app", "serve"], token, **(lab | settings)) as service:
            yield service


@contextmanager
def running(
    module: list[str], token: str, **environment: str
) -> Iterator[Service]:
    """Run `python -m MODULE … --port …` until the block is left."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix=f"{module[0]}-") as folder:
        log = Path(folder, "service.log")
        url = f"http://127.0.0.1:{port}"
        with (
            log.open("wb") as output,
            child_process(
                [*module, "--port", str(port)],
                # The lab counts the loans of one process.
                os.environ | {"WEB_CONCURRENCY": "1"} | environment,
                output,
            ) as process,
        ):
            wait_until_alive(url, process, log)
            yield Service(url, token, process.pid, log)


def free_port() -> int:
    """Return a port that no program listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_alive(
    url: str, process: subprocess.Popen[bytes], log: Path
) -> None:
    """Wait until `/healthz` responds.

    Raises:
        ServiceFailedError: it did not within a minute, or the process has
            ended; with the end of its log.

    """

    def responds() -> bool:
        with suppress(httpx.HTTPError):
            return client.get("/healthz").is_success
        return False

    # One client: each new one takes 25 ms of CPU time to load certificates.
    with (
        httpx.Client(base_url=url, timeout=1, trust_env=False) as client,
        suppress(TimeoutError),
    ):
        wait_until(
            lambda: process.poll() is not None or responds(),
            START_SECONDS,
            f"starting {url}",
        )
        if process.returncode is None:
            return
    message = f"the service did not start:\n{log_tail(log)}"
    raise ServiceFailedError(message)
