"""Scoped session, before: each thread keeps its session, and its loan."""

from fastapi import APIRouter

from app.lessons.scoped_session.shared import registry_of
from app.lessons.threads_engine import ThreadsEngineDep
from app.orders.query import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/parcel", responses=problems(404))
def look_at_parcel(order_id: OrderId, engine: ThreadsEngineDep) -> OrderRead:
    """Answer one order, for its parcel."""
    session = registry_of(engine)()
    # LEAK scoped_session-1: nobody removes it, so the thread keeps the loan.
    found = session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
