"""Scoped session, before: each thread keeps a session with its connection."""

from fastapi import APIRouter

from app.lessons.scoped_session.shared import registry_of
from app.lessons.threads_engine import ThreadsEngineDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/parcel", responses=problems(404))
def look_at_parcel(order_id: OrderId, engine: ThreadsEngineDep) -> OrderRead:
    """Return one order for its parcel."""
    session = registry_of(engine)()
    # LEAK scoped_session-1: without remove(), the thread keeps the connection.
    found = session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
