"""What a lesson folder provides: the same endpoints in two versions.

A lesson has one of four kinds of fault, and a kind of scenario for each:

- a *leak*: the connection is still checked out when its request has ended;
- a *long hold*: it is checked out while its request waits for another service;
- *starvation*: requests wait for connections that the others hold;
- a *block*: a request waits for a row that another one has left locked.

Scenarios count connections and timeouts, never seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter

from app.lesson_text import Cure, Trap

Variant = Literal["before", "after"]
HealsBy = Literal["gc", "thread", "exit", "timeout", "never"]
HEALS: dict[HealsBy, str] = {
    "gc": "Python's garbage collector, at an unpredictable time",
    "thread": "the end of its thread, then Python's garbage collector",
    "exit": "the end of the response or task",
    "timeout": "the pool's timeout",
    "never": "nothing",
}
"""What returns the connection to its pool, in words."""
Meeting = Literal["orders", "provider"]
"""Where the lab makes requests wait for each other.

At `orders`, a table that it locks, or at `provider`, a service that it
silences. It lets them go on when each has arrived there or waits for a pool.
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A request to send to both variants.

    Each time, *before* leaves `leaks` loans open, and `strays` connections
    that belong to no pool of the service; *after* leaves none. Both respond
    with `status`. The method `WEBSOCKET` sends `body` as JSON and waits for
    one message. With `meet`, all requests are sent at once.
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

    During the wait, *before* holds `holds` loans; *after* holds none.
    """

    holds: int = 1
    meet: Meeting | None = "provider"


@dataclass(frozen=True, slots=True)
class Starvation(Scenario):
    """More requests at once than `pool` has connections.

    In *before*, some of them time out waiting for a connection; in *after*,
    none does. The number sent is twice the pool's size, or `requests` if that
    is larger.
    """

    pool: str = "engine"
    requests: int = 0
    meet: Meeting | None = "orders"


@dataclass(frozen=True, slots=True)
class Block(Scenario):
    """A request that writes a row, sent again after its response.

    In *before*, the second request waits for the row that the first one left
    locked; in *after*, it does not.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A lesson: its routes, its scenarios, and the text of `lesson.toml`.

    `name` is the name of the folder and the key of the flag. `heals_by` says
    what returns the connection: see `HEALS`. `forget` empties what the lesson
    keeps in memory, for a reset. `cure` is what *after* does, and
    `alternative_cure` is another change that works: it is a file in
    `tests/workshop/right_fixes`, and passes the check. The workshop prints
    the `story` first, then one more of the `hints` each time.
    """

    name: str
    heals_by: HealsBy
    before: APIRouter
    after: APIRouter
    scenarios: tuple[Scenario, ...]
    forget: Callable[[], None] = lambda: None
    title: str
    story: str
    hints: tuple[str, str, str]
    mistake: str
    cure: str
    alternative_cure: Cure
    trap: Trap

    def router(self, variant: Variant) -> APIRouter:
        """Return the routes of one variant."""
        return self.before if variant == "before" else self.after
