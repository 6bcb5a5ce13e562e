"""Where a connection was borrowed: the application's own frames, cheaply.

Recording walks the live frames and keeps code objects and instruction
offsets, no frames and so no local variables: a kept frame would keep the
session it holds alive and deepen the leak. Line numbers are worked out only
when somebody reads them. One stack a checkout, printed without the pool's own
frames, is the idea of HikariCP's `leakDetectionThreshold`.
"""

from __future__ import annotations

import asyncio.events
import sys
import sysconfig
from dataclasses import dataclass
from os import sep
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType, FrameType

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

_LIBRARY_FOLDERS = (
    *{
        path + sep
        for name, path in sysconfig.get_paths().items()
        if name in {"stdlib", "platstdlib", "purelib", "platlib"}
    },
    str(Path(__file__).parent) + sep,
    "<",  # frozen and generated code
)
_LIBRARY_PARTS = (f"{sep}site-packages{sep}", f"{sep}dist-packages{sep}")
_CALLERS = (
    asyncio.events.__file__,
    *(
        part + caller + sep
        for part in _LIBRARY_PARTS
        for caller in ("fastapi", "starlette")
    ),
)

_in_app: list[str] = []
"""Parts of a file's path that make it the application's, though installed."""

_patience: dict[str, int] = {}
"""What one frame of a file takes of our patience, worked out once a file: of
the application's nothing, of a library's one, and all of it where what lies
beyond has not called the application: an event loop or a web framework did."""


def in_app(*packages: str) -> None:
    """Count packages as the application's, also where they are installed.

    Call it before the first loan: what is recorded stays as it is.

    Args:
        packages: names of top-level packages or modules, as `"shop"`.

    """
    _in_app.extend(
        part + package + end
        for part in _LIBRARY_PARTS
        for package in packages
        for end in (sep, ".py")
    )
    _patience.clear()


def frame_above(calls: int) -> FrameType | None:
    """Find the frame so many calls above the caller's, to begin a capture.

    Python makes an object of a frame that somebody looks at: of those in
    between it makes none. None where the stack ends before, as in a greenlet
    that does nothing but borrow.
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
    left, most = HORIZON, 2 * DEPTH
    for innermost in (frame, beyond):
        frame = innermost
        while frame is not None:
            code = frame.f_code
            try:  # a dozen times a loan: a plain dictionary is the fastest
                taken = _patience[code.co_filename]
            except KeyError:
                taken = _taken_by(code.co_filename)
                _patience[code.co_filename] = taken
            if taken:
                left -= taken
                if left <= 0:
                    return tuple(frames)
            else:
                frames += code, frame.f_lasti
                if len(frames) == most:
                    return tuple(frames)
                left = STRIDE
            frame = frame.f_back
    return tuple(frames)


def _taken_by(file: str) -> int:
    if any(caller in file for caller in _CALLERS):
        return HORIZON
    if any(part in file for part in _in_app):
        return 0
    return int(
        file.startswith(_LIBRARY_FOLDERS)
        or any(part in file for part in _LIBRARY_PARTS)
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
    except FileNotFoundError:  # somebody has removed it
        return ""


def _line_of(code: CodeType, offset: int) -> int:
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno
