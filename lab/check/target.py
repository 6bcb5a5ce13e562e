"""Whom a scenario is sent to, and what may come of it."""

from dataclasses import dataclass
from http import HTTPStatus

from app.lesson import Variant

EXHAUSTED = frozenset(
    {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
)
"""What is answered where a pool has nothing left to lend."""


@dataclass(frozen=True, slots=True)
class Side:
    """The routes below one prefix.

    `also` are statuses that are no surprise beside the card's own, or None
    where none is. `strays` says how often the connections come about that,
    as the card says, no pool knows: never (0), at each request (1), or
    either.
    """

    name: str
    prefix: str
    also: frozenset[HTTPStatus] | None = frozenset()
    strays: tuple[int, ...] = (0,)

    def allows(self, answered: int, stated: int) -> bool:
        """Whether a status is no surprise."""
        return self.also is None or answered == stated or answered in self.also


BEFORE = Side("before", "/before", EXHAUSTED, strays=(1,))
AFTER = Side("after", "/after")


def side_of(variant: Variant) -> Side:
    """The routes of one variant."""
    return BEFORE if variant == "before" else AFTER
