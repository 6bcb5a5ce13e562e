"""Why a fix does not work, in a sentence or two.

The check has found the flaw already, by running the file. The reason comes
from the file's text: the first reason whose clue applies is printed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lab.workshop.clues import Clues
from lab.workshop.result import FlawKind

OPENS = ("create_engine", "create_async_engine", "create_pool")
CONNECTS = ("asyncpg.connect", "psycopg.connect", "Connection.connect")
BREAKS = ("close", "terminate", "invalidate", "detach")
KEEPS: frozenset[FlawKind] = frozenset({"leaks", "holds", "starves", "blocks"})
LEAKS: frozenset[FlawKind] = frozenset({"leaks"})
OPENS_CONNECTIONS: frozenset[FlawKind] = frozenset({"opens connections"})
BLOCKS_LOOP: frozenset[FlawKind] = frozenset({"blocks the event loop"})


def _always(_: Clues) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Reason:
    """The text to print for these kinds of flaw, where a clue applies."""

    kinds: frozenset[FlawKind]
    clue: Callable[[Clues], bool]
    why: str


REASONS = (
    Reason(
        KEEPS,
        lambda clues: clues.unchanged,
        "The file is as it was handed out. Find the line first; `hint` helps.",
    ),
    Reason(
        KEEPS,
        lambda clues: clues.adds("gc.collect"),
        "gc.collect() does not return the connection: while the handler, or"
        " any other object, refers to the session, it is not garbage. And"
        " each request now stops the whole process for a collection.",
    ),
    Reason(
        KEEPS,
        lambda clues: "'request'" in clues.parsed.values("scope"),
        'scope="request" is FastAPI\'s default. The dependency ends after the'
        " response has been sent, including its stream and its background"
        ' tasks. scope="function" ends with the function.',
    ),
    Reason(
        KEEPS,
        lambda clues: clues.sets("timeout") or clues.sets("pool_timeout"),
        "A timeout sets how long other requests wait before they fail. It"
        " returns no connection.",
    ),
    Reason(
        LEAKS,
        lambda clues: clues.partly_fixed,
        "Some exit paths return the connection and others do not. If it is"
        " not another function, then an early `return` or a `raise` skips the"
        " close. A block, or `finally`, covers every exit path.",
    ),
    Reason(
        LEAKS,
        lambda clues: clues.adds("dispose"),
        "dispose() replaces the pool by a new one. Connections that other"
        " requests hold return to the old pool, which nothing uses, and stay"
        " open there.",
    ),
    Reason(
        LEAKS,
        lambda clues: clues.parsed.calls(*OPENS),
        "A connection that returns to a pool which is never closed stays"
        " open: the pool is dropped, and its connections are not.",
    ),
    Reason(
        LEAKS,
        _always,
        "The connection is still checked out when its request has ended. The"
        " line above checked it out: follow each exit path from there.",
    ),
    Reason(
        frozenset({"holds"}),
        _always,
        "The request keeps its connection while it waits for another service,"
        " and does not use it. Read first, return the connection, then wait.",
    ),
    Reason(
        frozenset({"starves"}),
        _always,
        "Requests timed out while they waited for a connection. Count how many"
        " connections one request needs at once, and what must happen before"
        " it returns them.",
    ),
    Reason(
        frozenset({"blocks"}),
        _always,
        "The next request waits for a row that this one left locked. A"
        " transaction that fails must be rolled back.",
    ),
    Reason(
        frozenset({"waits without a bound"}),
        _always,
        "When the pool is exhausted, this acquire waits forever, and so does"
        " the client. Pass `timeout=`, as the exercise did.",
    ),
    Reason(
        OPENS_CONNECTIONS,
        lambda clues: clues.parsed.names("NullPool"),
        "NullPool keeps no connection. You traded the leak for a connection"
        " that is opened and closed at every request, without any limit.",
    ),
    Reason(
        OPENS_CONNECTIONS,
        lambda clues: clues.parsed.calls(*OPENS),
        "A pool for each request is no pool: each request opens a connection"
        " that the service's own pool already has.",
    ),
    Reason(
        OPENS_CONNECTIONS,
        lambda clues: clues.adds("dispose"),
        "dispose() replaces the pool by a new one: every request then opens a"
        " connection, and connections that other requests hold return to a"
        " pool that nothing uses.",
    ),
    Reason(
        OPENS_CONNECTIONS,
        lambda clues: clues.parsed.calls(*CONNECTS),
        "This bypasses the pool: every request opens a connection, and"
        " nothing limits their number.",
    ),
    Reason(
        OPENS_CONNECTIONS,
        lambda clues: clues.parsed.calls("gc.collect"),
        "Nothing closes the session. A garbage collection finds it, and every"
        " request stops the whole process for that. A collected asyncio"
        " session loses its connection instead of returning it.",
    ),
    Reason(
        OPENS_CONNECTIONS,
        lambda clues: clues.adds(*BREAKS),
        "A closed connection does not return to the pool: the pool opens a"
        " new one at every request. Release it, and leave it open.",
    ),
    Reason(
        OPENS_CONNECTIONS,
        _always,
        "Every request makes the server open a connection. The pool exists to"
        " avoid that.",
    ),
    Reason(
        BLOCKS_LOOP,
        lambda clues: bool(clues.parsed.sleeping_lines()),
        "time.sleep() on the event loop stops all other requests, also those"
        " that would return a connection.",
    ),
    Reason(
        BLOCKS_LOOP,
        _always,
        "While one request waits for the database, no other request is"
        " served: it waits on the event loop, without `await`.",
    ),
)


def reason_for(kind: FlawKind, clues: Clues) -> str:
    """Choose the first reason whose clue applies."""
    return next(
        reason.why
        for reason in REASONS
        if kind in reason.kinds and reason.clue(clues)
    )
