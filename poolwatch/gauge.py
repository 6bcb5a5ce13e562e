"""What every adapter can read from its pool."""

from __future__ import annotations

from typing import Protocol


class Gauge(Protocol):
    """A pool's own counts, at any moment."""

    def size(self) -> int:
        """The most connections it keeps open when all are idle."""
        ...

    def minimum(self) -> int:
        """The fewest connections it keeps open when all are idle."""
        ...

    def capacity(self) -> int | None:
        """The most that can be checked out at once; None without a limit."""
        ...

    def checked_out(self) -> int:
        """Connections that are checked out now."""
        ...

    def idle(self) -> int:
        """Open connections that are not checked out."""
        ...

    def overflow(self) -> int:
        """Open connections beyond the size."""
        ...

    def watches(self, pool: object) -> bool:
        """Whether this is the pool that it reads."""
        ...

    def closed(self) -> bool:
        """Whether it is closed for good; its name is free then."""
        ...
