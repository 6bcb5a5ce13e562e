"""Two sides of one measurement, taken in turn, and how they compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Literal, get_args

Side = Literal["without", "with"]
SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the quartiles between which half of the rounds lie."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up at least two values."""
        lower, _, upper = quantiles(values, n=4, method="inclusive")
        return cls(median(values), lower, upper)


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
