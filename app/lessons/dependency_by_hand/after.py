"""Dependency by hand, after: a `with` block opens and closes the session."""

from fastapi import APIRouter
from sqlmodel import Session

from app.lessons.threads_engine import ThreadsEngineDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/summary", responses=problems(404))
def summarize_order(order_id: OrderId, engine: ThreadsEngineDep) -> OrderRead:
    """Return one order."""
    # FIX dependency_by_hand-1: `with` closes the session used inside it.
    with Session(engine) as session:
        found = session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
