"""One module for each driver whose pools can be watched."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

OLDEST = {"sqlalchemy": "2.0", "asyncpg": "0.27", "psycopg_pool": "3.1"}
"""The oldest version of each package that is supported."""
ADAPTERS = {
    "sqlalchemy": "sqlalchemy",
    "asyncpg": "asyncpg",
    "psycopg_pool": "psycopg",
}


class UnsupportedError(Exception):
    """A driver is older than what poolwatch supports."""


def unwrap(proxy: Any) -> Any:  # noqa: ANN401
    """Return what a tracer's proxy wraps, such as one of wrapt's."""
    while (wrapped := getattr(proxy, "__wrapped__", None)) is not None:
        proxy = wrapped
    return proxy


def package_of(pool: object) -> str | None:
    """Name the package that a pool belongs to; None if it is not known."""
    if isinstance(pool, ModuleType):
        return pool.__name__ if pool.__name__ in ADAPTERS else None
    roots = [base.__module__.partition(".")[0] for base in type(pool).__mro__]
    return next((root for root in roots if root in ADAPTERS), None)


def adapter_of(package: str) -> ModuleType:
    """Import the module that watches the pools of a package.

    Raises:
        UnsupportedError: the package is older than what is supported.

    """
    if _numbers(version_of(package)) < _numbers(OLDEST[package]):
        message = f"it supports {OLDEST[package]} or newer"
        raise UnsupportedError(message)
    return import_module(f"{__name__}.{ADAPTERS[package]}")


def version_of(package: str) -> str:
    """Return the version of an imported package."""
    return str(getattr(sys.modules[package], "__version__", "unknown"))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]
