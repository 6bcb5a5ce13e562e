"""Where a run was made: the machine, the versions and the settings."""

import asyncio
import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from app.database.monitor import Monitor
from app.settings import Settings

PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "sqlmodel", "asyncpg")
SETTINGS = (
    "pool_size",
    "max_overflow",
    "pool_min_size",
    "pool_timeout",
    "pool_recycle",
    "statement_timeout",
    "web_concurrency",
)


def machine() -> dict[str, str]:
    """Describe the machine, and how busy it was with other things."""
    return {
        "CPU": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "system": platform.platform(),
        "load average before": f"{os.getloadavg()[0]:.1f} (1 min)",
    }


def versions(dsn: str) -> dict[str, str]:
    """Name what was measured."""
    return {
        "Python": platform.python_version(),
        "PostgreSQL": asyncio.run(_server_version(dsn)),
        **{name: version(name) for name in PACKAGES},
    }


def settings(of: Settings, **changed: object) -> dict[str, str]:
    """Spell out the pools' settings; none of these is a secret."""
    return {
        name.upper(): str(changed.get(name, getattr(of, name)))
        for name in SETTINGS
    }


async def _server_version(dsn: str) -> str:
    monitor = Monitor(dsn, "demo")
    try:
        (row,) = await monitor.fetch("SHOW server_version")
    finally:
        await monitor.close()
    return str(row["server_version"])


def _processor() -> str:
    """Name the processor; `platform` does not know it on Linux."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
