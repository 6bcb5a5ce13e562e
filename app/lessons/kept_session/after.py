"""Kept session, after: the cache keeps values."""

from fastapi import APIRouter

from app.database.sessions import SessionDep
from app.lessons.kept_session.shared import RECENT
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/recent", responses=problems(404))
async def look_at_order(order_id: OrderId, session: SessionDep) -> OrderRead:
    """Return one order, and add it to the recent ones."""
    # FIX kept_session-1: FastAPI closes the session; RECENT keeps a row.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    RECENT.append(order)
    return OrderRead.model_validate(order)
