"""The image's health check, run as Docker runs it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.containers import dockerfile
from tests.process.command import Service, serving, wait_until


@pytest.fixture(scope="module")
def service(database_url: str) -> Iterator[Service]:
    with serving(DATABASE_URL=database_url) as it:
        yield it


def is_healthy(service: Service) -> bool:
    """Run the check against the port of this service."""
    [instruction] = dockerfile.instructions("HEALTHCHECK")
    options, command = instruction.split("CMD ")
    python, *arguments = json.loads(command)
    assert python == "python"
    assert "--timeout=3s" in options
    port = service.url.rsplit(":", 1)[1]
    checked = subprocess.run(
        [
            sys.executable,
            *(it.replace(":8000/", f":{port}/") for it in arguments),
        ],
        check=False,
        stderr=subprocess.DEVNULL,
        timeout=30,
    )
    return checked.returncode == 0


def test_passes_while_the_service_responds(service: Service) -> None:
    assert is_healthy(service)


def test_fails_while_the_process_is_stopped(service: Service) -> None:
    service.process.send_signal(signal.SIGSTOP)
    try:
        assert not is_healthy(service)
    finally:
        service.process.send_signal(signal.SIGCONT)
    wait_until(lambda: is_healthy(service))


@pytest.mark.slow
def test_fails_where_no_service_listens(database_url: str) -> None:
    with serving(DATABASE_URL=database_url) as ended:
        ended.sigterm()
        ended.exit_code()
    assert not is_healthy(ended)
