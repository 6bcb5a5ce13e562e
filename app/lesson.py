"""What a lesson folder offers: the same endpoints twice, and what to send."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter

Variant = Literal["before", "after"]
HealsBy = Literal["refcount", "gc", "exit", "never"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A request worth sending to both variants.

    `leaks` is how many loans *before* leaves open each time it is sent;
    *after* leaves none. Both answer with `status`.
    """

    name: str
    path: str
    leaks: int
    status: int = HTTPStatus.OK
    method: str = "GET"
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """The card of a lesson: all that its readers need to know of it.

    `name` is the folder's name and the flag's key. `heals_by` says what, if
    anything, gives a leaked connection back: `refcount`, `gc` (the cyclic
    garbage collector, some day), `exit` (the end of the response or task) or
    `never`.
    """

    name: str
    title: str
    mistake: str
    cure: str
    heals_by: HealsBy
    source: str
    before: APIRouter
    after: APIRouter
    scenarios: tuple[Scenario, ...]

    def router(self, variant: Variant) -> APIRouter:
        """The routes of one variant."""
        return self.before if variant == "before" else self.after
