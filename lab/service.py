"""Run the service as a process of its own, for a load to be sent to it."""

import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import httpx

from lab.child import child_process

START_SECONDS = 60


class ServiceFailedError(ChildProcessError):
    """The service did not start, or went away; the message has its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service with the lab on, and the way into it."""

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
    def headers(self) -> dict[str, str]:
        """What the control endpoints want to see."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def running_service(**settings: str) -> Iterator[Service]:
    """Start a service with the lab on and flags of its own, and end it.

    Args:
        settings: environment variables, beside `DATABASE_URL`, which the
            service inherits.

    Raises:
        ServiceFailedError: it did not answer within a minute.

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
                # What the lab counts is one process's.
                os.environ | {"WEB_CONCURRENCY": "1"} | environment,
                output,
            ) as process,
        ):
            service = Service(url, token, process.pid, log)
            wait_until_alive(service, process)
            yield service


def free_port() -> int:
    """Answer a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_alive(
    service: Service, process: subprocess.Popen[bytes]
) -> None:
    """Ask for its health until it answers.

    Raises:
        ServiceFailedError: it did not within a minute, or has ended.

    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(
                f"{service.url}/healthz", timeout=1, trust_env=False
            ).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    message = f"the service did not start:\n{service.log.read_text()}"
    raise ServiceFailedError(message)
