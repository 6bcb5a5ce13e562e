"""Kept session, before: the cache keeps each order's session as well."""

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.kept_session.shared import RECENT
from app.orders.query import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/recent", responses=problems(404))
async def look_at_order(order_id: OrderId, database: DatabaseDep) -> OrderRead:
    """Answer one order, and remember that it was looked at."""
    session = AsyncSession(database.engine)
    # LEAK kept_session-1: the cache below keeps the session, and so its loan.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    RECENT.append((session, order))
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
