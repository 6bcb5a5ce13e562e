"""What counts as a second close, and what does not."""

from textwrap import dedent

import pytest

from lab.workshop.closing import closed_twice
from lab.workshop.source import Source

TWICE = {
    "a block, and a line in it": """
        async def handler(engine):
            async with AsyncSession(engine) as session:
                await session.close()
    """,
    "a block, and a line after it": """
        async def handler(pool):
            async with pool.acquire() as connection:
                pass
            await pool.release(connection)
    """,
    "a dependency": """
        async def handler(session: SessionDep):
            await session.close()
    """,
    "a dependency, spelt out": """
        def handler(session: Annotated[Session, Depends(get_session)]):
            session.close()
    """,
    "finally, and before": """
        async def handler(engine):
            session = AsyncSession(engine)
            try:
                await session.close()
            finally:
                await session.close()
    """,
    "one line after the other": """
        def handler(engine):
            session = Session(engine)
            session.close()
            session.close()
    """,
}
ONCE = {
    "each way out": """
        async def handler(engine, known):
            session = AsyncSession(engine)
            if not known:
                await session.close()
                raise OrderNotFound
            await session.close()
    """,
    "finally": """
        async def handler(pool):
            connection = await pool.acquire()
            try:
                return await connection.fetch("SELECT 1")
            finally:
                await pool.release(connection)
    """,
    "two of them": """
        def handler(engine):
            first, second = Session(engine), Session(engine)
            first.close()
            second.close()
    """,
    "an engine in whose block is a session": """
        async def handler(engine):
            async with AsyncSession(engine) as session:
                pass
            await engine.dispose()
    """,
}


@pytest.mark.parametrize("text", TWICE.values(), ids=TWICE)
def test_closed_twice(text: str) -> None:
    assert closed_twice(Source(dedent(text)), early_heals=False)


@pytest.mark.parametrize("text", ONCE.values(), ids=ONCE)
def test_closed_once(text: str) -> None:
    assert not closed_twice(Source(dedent(text)), early_heals=False)


@pytest.mark.parametrize("what", ["a block, and a line in it", "a dependency"])
def test_where_that_heals_a_session_may_be_closed_early(what: str) -> None:
    assert not closed_twice(Source(dedent(TWICE[what])), early_heals=True)
