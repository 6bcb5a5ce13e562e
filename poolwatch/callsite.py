"""Where a connection was borrowed: the application's own frames, cheaply.

Recording walks the live frames and keeps code objects and instruction
offsets, no frames and so no local variables: a kept frame would keep the
session it holds alive and deepen the leak. Line numbers are worked out only
when somebody reads them. The idea of one stack a checkout, printed without
the pool's own frames, is HikariCP's `leakDetectionThreshold`.
"""

import sys
import sysconfig
from dataclasses import dataclass
from os import sep
from pathlib import Path
from types import CodeType, FrameType

DEPTH = 12
"""Application frames kept of one stack."""
HORIZON = 64
"""Frames looked at before the walk gives up."""

_LIBRARY_FOLDERS = (
    *{
        path + sep
        for name, path in sysconfig.get_paths().items()
        if name in {"stdlib", "platstdlib", "purelib", "platlib"}
    },
    str(Path(__file__).parent) + sep,
    "<",  # frozen and generated code
)
_is_library: dict[str, bool] = {}


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
        file = self.file.removeprefix(f"{Path.cwd()}{sep}")
        return f"{file}:{self.line} {self.function}"


@dataclass(frozen=True, slots=True)
class Stack:
    """The application's frames at one moment, innermost first."""

    frames: tuple[tuple[CodeType, int], ...]

    @property
    def sites(self) -> list[Site]:
        """The frames with their line numbers, innermost first."""
        return [
            Site(code.co_filename, _line_of(code, offset), code.co_qualname)
            for code, offset in self.frames
        ]

    @property
    def site(self) -> Site | None:
        """The innermost frame: the line that borrowed."""
        return self.sites[0] if self.frames else None


def capture(beyond: FrameType | None = None) -> Stack:
    """Record the application's frames above the caller.

    Args:
        beyond: the frame to go on with where the stack ends. SQLAlchemy's
            asyncio runs its core in a greenlet, whose stack ends short of
            the handler that awaits it.

    """
    frames: list[tuple[CodeType, int]] = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the point
    for _ in range(HORIZON):
        if frame is None:
            if beyond is None:
                break
            frame, beyond = beyond, None
        code = frame.f_code
        library = _is_library.get(code.co_filename)
        if library is None:
            library = code.co_filename.startswith(_LIBRARY_FOLDERS)
            _is_library[code.co_filename] = library
        if not library:
            frames.append((code, frame.f_lasti))
            if len(frames) == DEPTH:
                break
        frame = frame.f_back
    return Stack(tuple(frames))


def _line_of(code: CodeType, offset: int) -> int:
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno
