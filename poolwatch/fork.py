"""After a fork the child begins anew: with nothing lent, and free locks.

Of the parent's threads one alone goes on in the child, so that a lock which
another held is held for ever, and what is lent is the parent's.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """Whatever has a lock of its own."""

    def begin_anew(self) -> None:
        """Have a lock that nobody holds, and nothing of the parent's."""


_known: WeakSet[Forkable] = WeakSet()


def begin_anew_in_children(this: Forkable) -> None:
    """Tell it when this process is the child of a fork."""
    _known.add(this)


def _in_child() -> None:
    for each in list(_known):
        each.begin_anew()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_in_child)
