"""The routes that a scenario is sent to, and the statuses they may return."""

from dataclasses import dataclass
from http import HTTPStatus

from app.lesson import Variant

EXHAUSTED = frozenset(
    {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
)
"""Statuses of a request that finds its pool exhausted."""


@dataclass(frozen=True, slots=True)
class Target:
    """The routes below one prefix.

    `tolerated` are statuses that are allowed beside the card's own; None
    allows all. `strays` says how many times the card's number of connections
    outside any pool each request may open: 0, 1, or either.
    """

    name: str
    prefix: str
    tolerated: frozenset[HTTPStatus] | None = frozenset()
    strays: tuple[int, ...] = (0,)

    def allows(self, status: int, expected: int) -> bool:
        """Whether a response may have this status."""
        return (
            self.tolerated is None
            or status == expected
            or status in self.tolerated
        )


BEFORE = Target("before", "/before", EXHAUSTED, strays=(1,))
AFTER = Target("after", "/after")


def target_of(variant: Variant) -> Target:
    """The routes of one variant."""
    return BEFORE if variant == "before" else AFTER
