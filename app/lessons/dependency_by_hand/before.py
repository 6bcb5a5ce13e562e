"""Dependency by hand, before: `next()` drops the code that closes."""

from fastapi import APIRouter

from app.lessons.threads_engine import ThreadsEngineDep, get_threads_session
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/summary", responses=problems(404))
def summarize_order(order_id: OrderId, engine: ThreadsEngineDep) -> OrderRead:
    """Return one order."""
    session = next(get_threads_session(engine))
    # LEAK dependency_by_hand-1: no generator is left to close this session.
    found = session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
