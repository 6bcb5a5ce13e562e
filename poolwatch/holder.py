"""Where the holder of a loan is right now, by its task or its thread."""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from asyncio import _get_running_loop  # documented, in spite of its name
from asyncio import current_task as task_of
from typing import TYPE_CHECKING, Any

from poolwatch.call_site import Site, Stack, capture, site, sites

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from poolwatch.loan import Loan

Task = asyncio.Task[Any]


class _Here(threading.local):
    """The event loop that this thread was last seen in, weakly.

    Up to Python 3.11 asyncio asks the operating system for the process id
    before it tells the running loop, which takes longer than all the rest.
    So the loop that was seen last is asked first: where it runs a task, that
    is the one, as a loop stays in its thread. Of a loop that has moved to
    another thread, the first one sees its task meanwhile, and takes it for
    its own: to ask whether the loop runs here is what takes so long.
    """

    loop: Callable[[], asyncio.AbstractEventLoop | None]

    def __init__(self) -> None:
        """Begin with none, in each thread."""
        self.loop = lambda: None


_here = _Here()


def current_task() -> weakref.ref[Task] | None:
    """The task that runs in this thread; None where no event loop does."""
    # `asyncio.current_task()` alone raises without a loop, which is slow.
    loop = _here.loop()
    task = None if loop is None else task_of(loop)
    if task is None:  # none was seen here, or it has made way for another
        loop = _get_running_loop()
        task = None if loop is None else task_of(loop)
        if loop is None or task is None:
            return None
        _here.loop = weakref.ref(loop)
    return weakref.ref(task)


def holder_stack(loan: Loan) -> list[Site]:
    """The application's frames of whoever holds a loan, innermost first.

    Can be asked from any thread. It follows the task or thread that borrowed,
    or the borrower's own task where that one has gone on to something else.
    Empty where all of them have, or are somewhere that Python cannot see.
    """
    if loan.task is None:
        stack = _thread_stack(loan.thread)
        # A worker thread may do somebody else's work by now.
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
        found
        for frame in reversed(frames)
        if (found := site(capture(frame)))
        and found.file == frame.f_code.co_filename
    ]
