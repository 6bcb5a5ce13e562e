"""Dependencies of the handlers: the database, or a session to use.

With FastAPI's default, `scope="request"`, a dependency keeps its connection
until the response has been sent and its background tasks have run. With
`scope="function"` it ends as soon as the handler returns.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.pools import Database


# An HTTPConnection is a request or a WebSocket; lessons use both.
async def get_database(connection: HTTPConnection) -> Database:
    """Return the open database to a handler."""
    return connection.state.database  # type: ignore[no-any-return]


async def get_session(
    connection: HTTPConnection,
) -> AsyncIterator[AsyncSession]:
    """Open a session for one transaction; close it on every exit path."""
    database: Database = connection.state.database
    async with AsyncSession(
        database.engine, expire_on_commit=False
    ) as session:
        yield session


async def get_reader(
    connection: HTTPConnection,
) -> AsyncIterator[AsyncSession]:
    """Open a session for single statements that only read.

    Statements run in AUTOCOMMIT mode, without a transaction, which saves two
    of three round trips to the server. This makes handlers faster, and is no
    part of any fix.
    """
    database: Database = connection.state.database
    async with AsyncSession(database.reader) as session:
        yield session


DatabaseDep = Annotated[Database, Depends(get_database)]
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReaderDep = Annotated[AsyncSession, Depends(get_reader, scope="function")]
