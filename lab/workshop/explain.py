"""Why a fix is none: what was traded for what, in a sentence or two.

The check has decided already, by what the file does. Of the reasons for one
kind of finding, the first whose clue is there is told.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lab.workshop.clues import Clues
from lab.workshop.verdict import Kind

OPENS = ("create_engine", "create_async_engine", "create_pool")
CONNECTS = ("asyncpg.connect", "psycopg.connect", "Connection.connect")
BREAKS = ("close", "terminate", "invalidate", "detach")
LENT: frozenset[Kind] = frozenset({"leaks", "holds", "starves", "blocks"})


@dataclass(frozen=True, slots=True)
class Reason:
    """What to say where a clue is there."""

    kinds: frozenset[Kind]
    clue: Callable[[Clues], bool]
    why: str


REASONS = (
    Reason(
        LENT,
        lambda clues: clues.unchanged,
        "The file is as it was handed out. Find the line first; `hint` helps.",
    ),
    Reason(
        LENT,
        lambda clues: clues.adds("gc.collect"),
        "gc.collect() is no way to give back: as long as the handler, or"
        " anybody else, refers to a session, it is no garbage. And each"
        " request now stops the whole process for a collection.",
    ),
    Reason(
        LENT,
        lambda clues: "'request'" in clues.source.values("scope"),
        'scope="request" is FastAPI\'s default, said aloud: it ends when the'
        " response has been sent, and its stream and its background tasks"
        ' are part of it. scope="function" ends with the function.',
    ),
    Reason(
        LENT,
        lambda clues: clues.sets("timeout") or clues.sets("pool_timeout"),
        "A timeout says how long others wait before they fail. It brings"
        " nothing back.",
    ),
    Reason(
        frozenset({"leaks"}),
        lambda clues: clues.partly_healed,
        "Some ways out give it back and others do not. If it is not another"
        " function, then an early `return` or a `raise` skips the close; a"
        " block, or `finally`, is passed by every way out.",
    ),
    Reason(
        frozenset({"leaks"}),
        lambda clues: clues.adds("dispose"),
        "dispose() puts a new pool in the old one's place. What others have"
        " borrowed meanwhile comes back to a pool that nobody uses, and stays"
        " open there.",
    ),
    Reason(
        frozenset({"leaks"}),
        lambda clues: clues.source.calls(*OPENS),
        "What goes back to a pool that nobody closes stays open: the pool is"
        " dropped, and its connections are not.",
    ),
    Reason(
        frozenset({"leaks"}),
        lambda _: True,
        "It is still lent when its request has ended. The line has borrowed"
        " it: follow each way from there out of the function.",
    ),
    Reason(
        frozenset({"holds"}),
        lambda _: True,
        "It stays lent while its request waits for somebody else, and nobody"
        " uses it meanwhile. Read first, give it back, then wait.",
    ),
    Reason(
        frozenset({"starves"}),
        lambda _: True,
        "Requests have waited for a connection in vain. Count what one of"
        " them needs at once, and what has to happen before it gives back.",
    ),
    Reason(
        frozenset({"blocks"}),
        lambda _: True,
        "The next request waits for a row that this one has left locked. What"
        " goes wrong in a transaction has to roll it back.",
    ),
    Reason(
        frozenset({"connects anew"}),
        lambda clues: clues.source.names("NullPool"),
        "NullPool keeps no connection: the leak is traded for one that is"
        " opened and closed at every request, and for a pool without a limit.",
    ),
    Reason(
        frozenset({"connects anew"}),
        lambda clues: clues.source.calls(*OPENS),
        "A pool of its own for each request is no pool: each opens a"
        " connection, which the service's own pool has ready.",
    ),
    Reason(
        frozenset({"connects anew"}),
        lambda clues: clues.adds("dispose"),
        "dispose() puts a new pool in the old one's place: every request then"
        " has to open a connection, and what others have borrowed meanwhile"
        " comes back to a pool that nobody uses.",
    ),
    Reason(
        frozenset({"connects anew"}),
        lambda clues: clues.source.calls(*CONNECTS),
        "It goes round the pool: every request opens a connection, and"
        " nothing limits how many there are.",
    ),
    Reason(
        frozenset({"connects anew"}),
        lambda clues: clues.source.calls("gc.collect"),
        "Nothing closes it: a collection comes across it, for which every"
        " request stops the whole process. And a session of asyncio that is"
        " collected does not give its connection back, but loses it.",
    ),
    Reason(
        frozenset({"connects anew"}),
        lambda clues: clues.adds(*BREAKS),
        "A connection that is closed does not go back: the pool has to open"
        " another at every request. Release it, and leave it open.",
    ),
    Reason(
        frozenset({"connects anew"}),
        lambda _: True,
        "Every request makes the server open a connection, which the pool is"
        " there to spare.",
    ),
    Reason(
        frozenset({"stops the loop"}),
        lambda clues: bool(clues.source.sleeping_lines()),
        "time.sleep() on the event loop lets nobody else run, not even those"
        " who would give a connection back.",
    ),
    Reason(
        frozenset({"stops the loop"}),
        lambda _: True,
        "While one request waits for the database, nobody else is answered:"
        " it waits on the event loop, without `await`.",
    ),
)


def explain(kind: Kind, clues: Clues) -> str:
    """Say why it is no fix."""
    return next(
        reason.why
        for reason in REASONS
        if kind in reason.kinds and reason.clue(clues)
    )
