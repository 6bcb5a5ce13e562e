"""Which SQLAlchemy session is behind a loan.

A session borrows when it is first used: in a test, also where a fixture of
the whole module has made the session and will close it.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.orm.session import _sessions

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import SessionTransaction
    from sqlalchemy.pool import PoolProxiedConnection

    from poolwatch.loan import Loan


class Sessions:
    """Sessions, and what they have borrowed; keeps neither alive."""

    def __init__(self) -> None:
        """Listen to every session, asyncio's too, from now on."""
        self._behind: weakref.WeakKeyDictionary[
            PoolProxiedConnection, weakref.ref[Session]
        ] = weakref.WeakKeyDictionary()
        event.listen(Session, "after_begin", self._begun)

    def alive(self) -> weakref.WeakSet[Session]:
        """Every session there is: what `close_all_sessions()` would close."""
        return weakref.WeakSet(_sessions.values())

    def behind(self, loan: Loan) -> Session | None:
        """The session that has borrowed; None where none has."""
        connection = loan.handle() if loan.handle is not None else None
        if connection is None:
            return None
        session = self._behind.get(connection)
        return session() if session is not None else None

    def _begun(
        self,
        session: Session,
        _: SessionTransaction,
        connection: Connection,
    ) -> None:
        self._behind[connection.connection] = weakref.ref(session)
