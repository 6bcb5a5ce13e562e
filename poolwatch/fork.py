"""In the child of a fork, locks are free and no loan is open.

Only one of the parent's threads goes on in the child, so a lock that another
thread held would never be released there. The open loans are the parent's.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """An object that has a lock of its own."""

    def reset_after_fork(self) -> None:
        """Take a new lock, and forget what belongs to the parent."""


_known: WeakSet[Forkable] = WeakSet()


def reset_in_children(this: Forkable) -> None:
    """Reset this object in each child of a fork."""
    _known.add(this)


def _in_child() -> None:
    for each in list(_known):
        each.reset_after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_in_child)
