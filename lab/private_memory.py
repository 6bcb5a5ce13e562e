"""Memory that processes have for themselves alone, and give back at their end.

Resident memory counts what processes share once for each of them: of fifty
PostgreSQL backends it would count the shared buffers fifty times.
"""

from collections.abc import Collection, Iterable

import psutil


def service_bytes(pids: Iterable[int]) -> int:
    """Sum up the service's processes; 0 where none may be read."""
    return sum(filter(None, map(_private_bytes, pids)))


def backends_bytes(pids: Collection[int]) -> int | None:
    """Sum up PostgreSQL's backends; None where they may not be read.

    The server may be on another machine, where its process ids mean nothing
    or other programs, or belong to a user whom we may not look at. One that
    cannot be read beside others that can has just ended.
    """
    read = [_private_bytes(pid, "postgres") for pid in pids]
    known = [private for private in read if private is not None]
    return sum(known) if known or not pids else None


def _private_bytes(pid: int, name: str = "") -> int | None:
    try:
        process = psutil.Process(pid)
        if name not in process.name():
            return None
        private: int = process.memory_full_info().uss
    except psutil.Error:
        return None
    return private
