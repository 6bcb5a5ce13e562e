"""Where the holder of a loan is right now, by its task or its thread."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from poolwatch.callsite import Site, capture, sites

if TYPE_CHECKING:
    from types import FrameType

    from poolwatch.ledger import Loan


def holder_stack(loan: Loan) -> list[Site]:
    """The application's frames of whoever holds a loan, innermost first.

    Can be asked from any thread. Empty where the borrower is not known, has
    ended, or is somewhere that Python cannot see.
    """
    borrower = loan.borrower
    if borrower is None or borrower.ended:
        return []
    task = borrower.task() if borrower.task is not None else None
    if task is None:
        running = sys._current_frames()  # noqa: SLF001 - the documented way
        return sites(capture(running.get(borrower.thread)))
    return _awaiting(task.get_coro())


def _awaiting(coroutine: object) -> list[Site]:
    """Follow what a suspended task awaits, down to where it stands."""
    frames: list[FrameType] = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(
            coroutine, "gi_frame", None
        )
        if frame is None:
            break
        frames.append(frame)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(
            coroutine, "gi_yieldfrom", None
        )
    return [
        site
        for frame in reversed(frames)
        for site in sites(capture(frame)[:1])
        if site.file == frame.f_code.co_filename
    ]
