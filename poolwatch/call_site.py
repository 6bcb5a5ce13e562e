"""Where a connection was borrowed: the application's own frames, cheaply.

Recording walks the live frames, and keeps code objects and instruction
offsets. It keeps no frame: that would keep the local variables alive, the
session among them, and make the leak worse. Line numbers are computed only
when they are read. One stack a checkout, printed without the pool's own
frames, is the idea of HikariCP's `leakDetectionThreshold`.
"""

from __future__ import annotations

import asyncio.events
import logging
import re
import sys
import sysconfig
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from os import sep
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType

logger = logging.getLogger("poolwatch")

Stack = tuple[Any, ...]
"""The application's frames at one moment, innermost first: code, offset, code,
offset, … A pair for each frame would take 72 bytes more for it."""

DEPTH = 12
"""Application frames kept of one stack."""
HORIZON = 64
"""Frames looked at before the first of the application's."""
STRIDE = 3
"""Library frames in a row, above the application's, that end the walk: a
decorator lies between two of its functions, with two frames at most."""

GUESS = -1
"""What a frame costs whose package may be the application or a library."""

_INSTALLED = (f"{sep}site-packages{sep}", f"{sep}dist-packages{sep}")
_PATHS = sysconfig.get_paths()
_HERE = str(Path(__file__).parent) + sep
_LIBRARY_FOLDERS = (
    _HERE,
    _PATHS["stdlib"] + sep,
    _PATHS["platstdlib"] + sep,
    "<",  # frozen and generated code
)
_KNOWN_LIBRARIES = (
    *("_pytest", "advanced_alchemy", "aiohttp", "aiosqlite", "alembic"),
    *("anyio", "apscheduler", "arq", "asgi", "asyncpg", "celery", "click"),
    *("databases", "datadog", "ddtrace", "dishka", "dramatiq", "elasticapm"),
    *("fastapi", "faststream", "flask", "gevent", "gino", "greenlet"),
    *("gunicorn", "hypercorn", "injector", "litestar", "logfire", "newrelic"),
    *("opentelemetry", "ormar", "piccolo", "pluggy", "procrastinate"),
    *("prometheus", "psycopg", "pydantic", "pytest", "sentry", "slowapi"),
    *("sqladmin", "sqlalchemy", "sqlmodel", "sse_starlette", "stamina"),
    *(
        "starlette",
        "strawberry",
        "structlog",
        "taskiq",
        "tenacity",
        "tortoise",
    ),
    *("trio", "typer", "uvicorn", "uvloop", "websockets", "wrapt", "xdist"),
)
"""What the names of packages begin with that are never the application: those
that stand between a web framework or an event loop and a driver."""
_CALLERS = (
    asyncio.events.__file__,
    *(
        part + caller + sep
        for part in _INSTALLED
        for caller in ("fastapi", "starlette")
    ),
)

_in_app: set[str] = set()
"""Installed packages that are the application's: see `in_app`."""
_guessed: set[str] = set()
"""Installed packages that the log has named as taken for it."""

_costs: dict[str, int] = {}
"""What a frame of a file costs of the walk, worked out once a file. The
application's costs nothing, a library's one, `GUESS` one as well. An event
loop's or a web framework's ends the walk: what is beyond it has not called
the application."""


def in_app(*packages: str) -> None:
    """Count installed packages as the application's.

    Packages that `pip install .` took from a folder are found without it.
    Call it before the first loan: recorded stacks do not change.

    Args:
        packages: names of top-level packages or modules, as `"shop"`.

    """
    _in_app.update(packages)
    _costs.clear()


def frame_above(calls: int) -> FrameType | None:
    """Find the frame so many calls above the caller's, to begin a capture.

    Python creates a frame object only for a frame that is accessed, and none
    for the frames in between. None if the stack ends before, as in a greenlet
    that only checks out a connection.
    """
    try:
        return sys._getframe(calls + 1)  # noqa: SLF001 - no public way
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Site:
    """One line of code: file, line and function."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """Write it as terminals link it: `file:line function`.

        The file is relative where it lies below the working folder.
        """
        file = self.file.removeprefix(_working_folder())
        return f"{file}:{self.line} {self.function}"


def capture(frame: FrameType | None, beyond: FrameType | None = None) -> Stack:
    """Record the application's frames from `frame` on.

    Args:
        frame: where to begin, usually `frame_above(…)`.
        beyond: the frame to go on with where the stack ends. SQLAlchemy's
            asyncio runs its core in a greenlet, whose stack ends short of
            the handler that awaits it.

    """
    frames: list[CodeType | int] = []
    guessed: list[CodeType | int] = []
    left, most = HORIZON, 2 * DEPTH
    while True:
        if frame is None:
            if beyond is None:
                break
            frame, beyond = beyond, None
        code = frame.f_code
        try:  # a dozen times a loan: a plain dictionary is the fastest
            cost = _costs[code.co_filename]
        except KeyError:
            cost = _costs[code.co_filename] = _cost_of(code.co_filename)
        if cost:
            if cost == GUESS:
                guessed += code, frame.f_lasti
                cost = 1
            left -= cost
            if left <= 0:
                break
        else:
            frames += code, frame.f_lasti
            if len(frames) == most:
                break
            left = STRIDE
        frame = frame.f_back
    if frames or not guessed:
        return tuple(frames)
    stack: Stack = tuple(guessed[:most])
    _warn_of_guess(stack[0].co_filename)
    return stack


def application_sites(frames: Iterable[FrameType]) -> list[Site]:
    """Keep the application's lines of frames, such as those of awaits."""
    costs = [(_cost_of(frame.f_code.co_filename), frame) for frame in frames]
    wanted = 0 if any(cost == 0 for cost, _ in costs) else GUESS
    return [
        found
        for cost, frame in costs
        if cost == wanted
        for found in sites((frame.f_code, frame.f_lasti))
    ]


def _cost_of(file: str) -> int:
    if any(caller in file for caller in _CALLERS):
        return HORIZON
    folder, package = _installed_package(file)
    if not package:
        if file.startswith(_PATHS["scripts"] + sep):
            return GUESS
        return int(file.startswith(_LIBRARY_FOLDERS))
    if package in _in_app:
        return 0
    if file.startswith(_HERE):
        return 1
    if package in _installed_from_source(folder):
        return 0
    return 1 if package.startswith(_KNOWN_LIBRARIES) else GUESS


def _installed_package(file: str) -> tuple[str, str]:
    """Split off site-packages; empty where the file is not installed."""
    for part in _INSTALLED:
        folder, found, rest = file.rpartition(part)
        if found:
            return folder + part, rest.partition(sep)[0].removesuffix(".py")
    return "", ""


@cache
def _installed_from_source(folder: str) -> frozenset[str]:
    """Find the packages that `pip install .` put there, by PEP 610."""
    names: set[str] = set()
    with suppress(OSError, ValueError):
        for origin in Path(folder).glob("*.dist-info/direct_url.json"):
            if '"dir_info"' in origin.read_text():
                files = origin.with_name("RECORD").read_text().splitlines()
                names.update(re.split(r"/|\.py,", file)[0] for file in files)
    return frozenset(names)


def _warn_of_guess(file: str) -> None:
    package = _installed_package(file)[1] or file
    if package not in _guessed:
        _guessed.add(package)
        logger.warning(
            "poolwatch takes the installed package %r for your application;"
            ' if it is a library, call poolwatch.in_app("your_package")',
            package,
        )


def sites(stack: Stack) -> list[Site]:
    """Work out the lines of a stack, innermost first."""
    return [
        Site(code.co_filename, _line_of(code, offset), code.co_qualname)
        for code, offset in zip(stack[::2], stack[1::2], strict=True)
    ]


def site(stack: Stack) -> Site | None:
    """Work out the line that borrowed; None where it was none of ours."""
    found = sites(stack[:2])
    return found[0] if found else None


def _working_folder() -> str:
    try:
        return f"{Path.cwd()}{sep}"
    except FileNotFoundError:  # it was removed
        return ""


def _line_of(code: CodeType, offset: int) -> int:
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno
