"""Scoped session, after: each request opens and closes a session."""

from fastapi import APIRouter
from sqlmodel import Session

from app.lessons.threads_engine import ThreadsEngineDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/parcel", responses=problems(404))
def look_at_parcel(order_id: OrderId, engine: ThreadsEngineDep) -> OrderRead:
    """Return one order for its parcel."""
    # FIX scoped_session-1: `with` closes the session in its own thread.
    with Session(engine) as session:
        found = session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
