"""The first law: whatever of poolwatch fails, pool and request go on.

The functions of poolwatch on a driver's path are found by running the path.
Then each of them raises in turn, and the same path is run again.
"""

import asyncio
import gc
import inspect
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from logging import LogRecord
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from psycopg_pool import PoolTimeout
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as CheckoutTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.types import Message, Receive, Scope, Send

import poolwatch
from poolwatch import Ledger, Reporter, call_site
from poolwatch.pools import asyncpg as for_asyncpg
from poolwatch.pools import sqlalchemy as for_sqlalchemy
from tests.garbage import without_collector
from tests.poolwatch.conftest import Server
from tests.poolwatch.engine_lender import EngineLender
from tests.poolwatch.lender import MOST, SOON, Lender
from tests.poolwatch.lenders import LENDERS

TIMEOUTS = (TimeoutError, CheckoutTimeout, PoolTimeout)
SOURCE = f"{Path(poolwatch.__file__).parent}/"
KINDS = (
    "QueuePool",
    "asyncio QueuePool, asyncpg",
    "asyncpg.Pool",
    "asyncpg.connect",
    "ConnectionPool",
    "AsyncConnectionPool",
)
UNLIMITED = "asyncpg.connect"
OTHER_WAYS = ("invalidate", "detach", "session")
ENTRIES = ("harmless.<locals>.guarded", "BorrowerBlock.")
"""The guard itself, and the application's own `with` statement."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_fault_of_poolwatch_reaches_the_pool_or_the_request(
    kind: str, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    codes = await _codes_on_the_path(kind, server)
    names = {code.co_qualname for code in codes}
    assert {"Book.record_checkout", "Book.record_end", "capture"} <= names
    gc.unfreeze()  # else what an application has frozen is not found
    functions = _functions()
    with without_collector():  # from here on, only new functions are found
        for code in codes:
            caplog.clear()
            lender = await _opened(kind, server)
            new = _functions()
            with _raising(code, functions[code] + new[code]):
                # In a new task, because a fault may leave the context changed.
                await asyncio.create_task(_use(kind, lender))
            await lender.close()
            _was_logged_once(code, caplog.records)


def _was_logged_once(code: CodeType, records: list[LogRecord]) -> None:
    logged = [
        record.args
        for record in records
        if record.name == "poolwatch" and record.levelname == "ERROR"
    ]
    assert logged, f"{code.co_qualname} has failed in silence"
    faults = [args for args in logged if args and len(args) == 2]
    assert len(faults) == len(set(map(str, faults))), "logged twice"


async def _opened(kind: str, server: Server) -> Lender:
    ledger = Ledger()
    ledger.listeners.append(Reporter())
    lender = LENDERS[kind](server, ledger)
    await lender.open()
    return lender


async def _use(kind: str, lender: Lender) -> None:
    """Do all that a service does, and see that nothing is lost."""
    _forget()
    ways = (
        "give_back",
        "give_back",
        "invalidate",
        "detach",
        "leak",
        "session",
    )
    leaked: list[object] = []
    for way in ways:
        await _request(lender, way, leaked)
    await lender.give_back(leaked.pop())
    held = [await lender.get(10) for _ in range(MOST)]  # it keeps its size
    if kind != UNLIMITED:
        with pytest.raises(TIMEOUTS):
            await lender.get(SOON)
    for connection in held:
        await lender.give_back(connection)
    await _request(lender, "give_back", leaked)


def _forget() -> None:
    """Forget which files are the application's, and which fault is logged."""
    for_sqlalchemy._releases.faults.clear()
    for book in for_asyncpg._left_to_engines:  # of other tests
        book.faults.clear()
    poolwatch.in_app()
    for function in vars(call_site).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


async def _request(lender: Lender, way: str, leaked: list[object]) -> None:
    """Handle a request that gets a connection and ends it this way."""

    async def application(_: Scope, __: Receive, send: Send) -> None:
        with lender.ledger.borrower("a job inside"):
            if way == "session":
                await _open_session(lender)
            elif way == "leak":
                leaked.append(await lender.get(10))
            else:
                await getattr(lender, way)(await lender.get(10))
        await send({"type": "http.response.body"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        answers.append(message)

    answers: list[Message] = []
    service = poolwatch.Middleware(application, lender.ledger)
    await service({"type": "http", "method": "GET"}, receive, send)
    assert answers == [{"type": "http.response.body"}]


async def _open_session(lender: Lender) -> None:
    if isinstance(lender, EngineLender) and lender.engine.dialect.is_async:
        async with AsyncSession(AsyncEngine(lender.engine)) as session:
            await session.execute(text("SELECT 1"))


async def _codes_on_the_path(kind: str, server: Server) -> list[CodeType]:
    """The functions that poolwatch calls itself: all but its own entries."""
    codes: dict[CodeType, None] = {}

    def see(frame: FrameType, event: str, _: object) -> None:
        caller = frame.f_back
        if event == "call" and caller is not None and _is_ours(caller.f_code):
            code = frame.f_code
            is_function = code.co_flags & inspect.CO_OPTIMIZED
            is_part = code.co_name[0] == "<" and code.co_name != "<lambda>"
            is_entry = code.co_qualname.startswith(ENTRIES)
            if _is_ours(code) and is_function and not is_part and not is_entry:
                codes[code] = None

    lender = await _opened(kind, server)
    threading.setprofile(see)
    sys.setprofile(see)
    try:
        await _use(kind, lender)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    await lender.close()
    return list(codes)


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(SOURCE)


def _functions() -> dict[CodeType, list[FunctionType]]:
    """Find poolwatch's functions by their code, save those that are frozen."""
    found: dict[CodeType, list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if type(each) is FunctionType and _is_ours(each.__code__):
            found[each.__code__].append(each)
    return found


@contextmanager
def _raising(code: CodeType, functions: list[FunctionType]) -> Iterator[None]:
    """Have each of these functions, which have this code, raise."""
    assert functions
    for function in functions:
        function.__code__ = _raises(code)
    try:
        yield
    finally:
        for function in functions:
            function.__code__ = code


def _raises(code: CodeType) -> CodeType:
    """Compile a function that raises, with the same free variables."""
    free = "".join(f"{name} = " for name in code.co_freevars)
    used = ", ".join(code.co_freevars)
    source = (
        f"def outer():\n {free}None\n def inner(*_, **__):\n"
        f"  ({used})\n  raise RuntimeError('injected')\n return inner"
    )
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - made of the names of variables
    inner: FunctionType = names["outer"]()
    return inner.__code__
