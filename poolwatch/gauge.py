"""What every adapter has a pool say of itself."""

from __future__ import annotations

from typing import Protocol


class Gauge(Protocol):
    """What a pool can tell of itself at any moment."""

    def size(self) -> int:
        """The most connections it keeps when nobody borrows."""
        ...

    def minimum(self) -> int:
        """The fewest connections it keeps when nobody borrows."""
        ...

    def capacity(self) -> int | None:
        """The most it lends at once; None where there is no limit."""
        ...

    def lent(self) -> int:
        """Connections lent now."""
        ...

    def idle(self) -> int:
        """Open connections that nobody has borrowed."""
        ...

    def overflow(self) -> int:
        """Open connections beyond the size."""
        ...

    def closed(self) -> bool:
        """Whether it lends no more, for good; its name is free then."""
        ...
