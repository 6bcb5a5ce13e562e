"""Where the holder of a loan is right now, by its task or its thread."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from poolwatch.call_site import (
    Site,
    Stack,
    application_sites,
    capture,
    sites,
)

if TYPE_CHECKING:
    from types import FrameType

    from poolwatch.loan import Loan, Task


def holder_stack(loan: Loan) -> list[Site]:
    """Return the application's frames of a loan's holder, innermost first.

    Works in any thread. It reads the task or thread that checked out, or the
    borrower's own task if that one has gone on to other work. Empty if all of
    them have, or are in code that Python cannot see.
    """
    if loan.task is None:
        stack = _thread_stack(loan.thread)
        # A worker thread may do other work by now.
        if set(loan.stack[::2]) & set(stack[::2]):
            return sites(stack)
    borrower = loan.borrower
    for reference in (loan.task, borrower.task if borrower else None):
        task = reference() if reference is not None else None
        if task is not None and not task.done():
            return _task_stack(task, loan.thread)
    return []


def _task_stack(task: Task, thread: int) -> list[Site]:
    coroutine = task.get_coro()
    if getattr(coroutine, "cr_running", False):  # it blocks its event loop
        return sites(_thread_stack(thread)) or _awaiting(coroutine)
    return _awaiting(coroutine)


def _thread_stack(thread: int) -> Stack:
    running = sys._current_frames()  # noqa: SLF001 - the documented way
    return capture(running.get(thread))


def _awaiting(coroutine: object) -> list[Site]:
    """Follow the awaits of a suspended task down to its current line."""
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
    return application_sites(reversed(frames))
