"""Kept session, before: the cache keeps a session for each order."""

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.kept_session.shared import RECENT
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/recent", responses=problems(404))
async def look_at_order(order_id: OrderId, database: DatabaseDep) -> OrderRead:
    """Return one order, and add it to the recent ones."""
    session = AsyncSession(database.engine)
    # LEAK kept_session-1: RECENT keeps the session, so it never closes.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    RECENT.append((session, order))
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
