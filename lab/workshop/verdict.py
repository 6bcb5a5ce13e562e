"""What a check has found of a trainee's file."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "broken",
    "answers otherwise",
    "loses data",
    "stops the loop",
    "leaks",
    "holds",
    "starves",
    "blocks",
    "connects anew",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and what was traded for what."""

    kind: Kind
    what: str
    why: str
    sites: dict[str, int] = field(default_factory=dict)
    """Loans by the line that borrowed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one scenario, or of what is looked at beside them."""

    name: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """All of it; a lesson is solved where nothing was found."""

    lesson: str
    results: tuple[Result, ...]

    @property
    def findings(self) -> list[Finding]:
        """What is wrong."""
        return [each.finding for each in self.results if each.finding]

    @property
    def solved(self) -> bool:
        """Whether nothing is."""
        return not self.findings
