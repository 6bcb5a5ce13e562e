"""Two sides of one measurement, taken in turn, and how they compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, sqrt
from statistics import median
from typing import Literal, get_args

Side = Literal["without", "with"]
SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True, slots=True)
class Spread:
    """A median of some rounds, and where that of endless ones would be."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up: `lower` and `upper` have it between them 19 times in 20.

        Of `n` rounds half are below the true median, and with a probability
        of 95 % no more than the square root of `n` more or fewer than half.
        Of fewer than six, not even the smallest and the largest are so far
        apart.
        """
        ranked, count = sorted(values), len(values)
        lower = max(0, floor((count - 1) / 2 - sqrt(count)))
        return cls(median(values), ranked[lower], ranked[-1 - lower])


@dataclass(frozen=True, slots=True)
class Pairs:
    """Values without and with poolwatch; each round has both."""

    without: list[float] = field(default_factory=list)
    watched: list[float] = field(default_factory=list)

    def add(self, side: Side, value: float) -> None:
        """Take down one side of a round."""
        (self.watched if side == "with" else self.without).append(value)

    @property
    def added(self) -> Spread:
        """What poolwatch adds."""
        return Spread.of(
            [b - a for a, b in zip(self.without, self.watched, strict=True)]
        )

    @property
    def ratio(self) -> Spread:
        """How much it is with poolwatch, where it is 1 without."""
        return Spread.of(
            [b / a for a, b in zip(self.without, self.watched, strict=True)]
        )

    @property
    def lost(self) -> Spread:
        """Which part of it poolwatch takes away."""
        return Spread.of(
            [
                1 - b / a
                for a, b in zip(self.without, self.watched, strict=True)
            ]
        )


def in_turn(round_number: int) -> tuple[Side, ...]:
    """Both sides, each the first in every other round."""
    return SIDES if round_number % 2 else SIDES[::-1]
