"""What a lesson folder offers: the same endpoints twice, and what to send.

There are three kinds of fault, and a kind of scenario for each. A *leak* is
still lent when its request has ended. A *long hold* is lent while its request
waits for something else. And there are requests that *starve* one another.
What counts is loans and timeouts, never seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter

Variant = Literal["before", "after"]
HealsBy = Literal["refcount", "gc", "exit", "never"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A request worth sending to both variants.

    `leaks` is how many loans *before* leaves open each time it is sent;
    *after* leaves none. Both answer with `status`. The method `WEBSOCKET`
    sends `body` as JSON and waits for one message.
    """

    name: str
    path: str
    leaks: int = 0
    status: int = HTTPStatus.OK
    method: str = "GET"
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class LongHold(Scenario):
    """A request that waits for the provider.

    `holds` is how many loans *before* keeps meanwhile; *after* keeps none.
    """

    holds: int = 1


@dataclass(frozen=True, slots=True)
class Starvation(Scenario):
    """Requests, more at once than `pool` has connections.

    In *before*, some of them wait for a connection in vain; in *after*, none.
    Twice as many as the pool lends are sent, or `requests` where that is
    more. Where they `meet`, the lab locks the orders until the pool is lent,
    so that each has its connection before any of them goes on.
    """

    pool: str = "engine"
    requests: int = 0
    meet: bool = True


@dataclass(frozen=True, slots=True)
class Trap:
    """What people do instead of the cure, and why it does not help."""

    what: str
    why: str
    settings: dict[str, str] = field(default_factory=dict)
    """The service's environment, where the trap is a setting."""
    collects: bool = False
    """Whether the trap is to force a garbage collection after requests."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """The card of a lesson: all that its readers need to know of it.

    `name` is the folder's name and the flag's key. `heals_by` says what, if
    anything, gives a connection back: `refcount`, `gc` (the cyclic garbage
    collector, some day), `exit` (the end of the response or task) or `never`.
    `forget` empties what the lesson keeps in memory, for a reset.
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
    trap: Trap
    forget: Callable[[], None] = lambda: None

    def router(self, variant: Variant) -> APIRouter:
        """The routes of one variant."""
        return self.before if variant == "before" else self.after
