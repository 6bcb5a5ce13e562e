"""Kept session, after: the cache keeps values."""

from fastapi import APIRouter

from app.database.sessions import ReaderDep
from app.lessons.kept_session.shared import RECENT
from app.orders.query import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/recent", responses=problems(404))
async def look_at_order(order_id: OrderId, session: ReaderDep) -> OrderRead:
    """Answer one order, and remember that it was looked at."""
    # FIX kept_session-1: the dependency closes it; the cache gets a row.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    RECENT.append(order)
    return OrderRead.model_validate(order)
