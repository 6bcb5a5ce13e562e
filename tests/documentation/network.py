"""A separate network for each page, because pages use fixed ports."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.process.command import listens

LOOPBACK_UP = "ip link set lo up && echo up && exec sleep infinity"


@contextmanager
def network() -> Iterator[list[str]]:
    """Give what to put before a command so that it runs in that network.

    Nothing, where the machine or the user may not have one.
    """
    if not shutil.which("unshare"):
        yield []
        return
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", LOOPBACK_UP],  # noqa: S607 - Linux's
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert holder.stdout
        if holder.stdout.readline() == b"up\n":
            yield ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
        else:
            yield []
    finally:
        holder.kill()
        holder.communicate()


def taken(page: str) -> list[int]:
    """List the ports of a page on which a program listens already."""
    named = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", page)}
    return sorted(port for port in named if listens(port))
