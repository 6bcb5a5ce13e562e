"""The result of a check of a trainee's file."""

from dataclasses import dataclass, field
from typing import Literal

FlawKind = Literal[
    "broken",
    "responds differently",
    "loses data",
    "blocks the event loop",
    "leaks",
    "holds",
    "starves",
    "blocks",
    "waits without a bound",
    "opens connections",
]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One fault of the file, and its reason."""

    kind: FlawKind
    what: str
    why: str
    sites: dict[str, int] = field(default_factory=dict)
    """Open loans by the line of code that checked out."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one step of a check."""

    name: str
    flaw: Flaw | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All steps; a lesson is solved where none found a flaw."""

    lesson: str
    results: tuple[StepResult, ...]

    @property
    def flaws(self) -> list[Flaw]:
        """The flaws, in the order of the steps."""
        return [each.flaw for each in self.results if each.flaw]

    @property
    def solved(self) -> bool:
        """Whether no step found a flaw."""
        return not self.flaws
