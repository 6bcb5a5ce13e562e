"""What a lesson folder offers: the same endpoints twice, and what to send.

There are four kinds of fault, and a kind of scenario for each. A *leak* is
still lent when its request has ended. A *long hold* is lent while its request
waits for something else. There are requests that *starve* one another, and
requests that *block* one another with a lock.
What counts is loans and timeouts, never seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter

Variant = Literal["before", "after"]
HealsBy = Literal["gc", "thread", "exit", "timeout", "never"]
HEALS: dict[HealsBy, str] = {
    "gc": "the garbage collector, some day",
    "thread": "the end of its thread, then the garbage collector",
    "exit": "the end of its response or task",
    "timeout": "the pool's timeout",
    "never": "nothing, ever",
}
"""What gives a connection back, in words."""
Meeting = Literal["orders", "provider"]
"""Where the lab has requests wait for one another: at the orders, which it
locks until each has its connection or a pool is lent out, or at the provider,
which it keeps silent until each has come there or waits for a pool."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A request worth sending to both variants.

    `leaks` is how many loans *before* leaves open each time it is sent, and
    `strays` how many connections that no pool knows; *after* leaves none.
    Both answer with `status`. The method `WEBSOCKET` sends `body` as JSON and
    waits for one message. Where requests `meet`, all are sent at once and go
    on together.
    """

    name: str
    path: str
    leaks: int = 0
    status: int = HTTPStatus.OK
    method: str = "GET"
    body: dict[str, Any] | None = None
    strays: int = 0
    meet: Meeting | None = None


@dataclass(frozen=True, slots=True)
class LongHold(Scenario):
    """A request that waits for the provider.

    `holds` is how many loans *before* keeps meanwhile; *after* keeps none.
    """

    holds: int = 1
    meet: Meeting | None = "provider"


@dataclass(frozen=True, slots=True)
class Starvation(Scenario):
    """Requests, more at once than `pool` has connections.

    In *before*, some of them wait for a connection in vain; in *after*, none.
    Twice as many as the pool lends are sent, or `requests` where that is
    more.
    """

    pool: str = "engine"
    requests: int = 0
    meet: Meeting | None = "orders"


@dataclass(frozen=True, slots=True)
class Block(Scenario):
    """A request that writes, sent a second time when it has been answered.

    In *before*, the second waits for a row that the first has left locked; in
    *after*, it does not.
    """


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
class Cure:
    """What heals as well as *after* does, and how.

    `tests/workshop/right_fixes` has it as a file, which passes the check.
    """

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """The card of a lesson: all that its readers need to know of it.

    `name` is the folder's name and the flag's key. `heals_by` says what, if
    anything, gives a connection back: see `HEALS`.
    `cure` is what *after* does; `other_cure` is another that would do.
    `forget` empties what the lesson keeps in memory, for a reset.
    The workshop tells the `story` first, and then one more of the `hints`
    each time it is asked.
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
    other_cure: Cure
    story: str
    hints: tuple[str, str, str]
    forget: Callable[[], None] = lambda: None

    def router(self, variant: Variant) -> APIRouter:
        """The routes of one variant."""
        return self.before if variant == "before" else self.after
