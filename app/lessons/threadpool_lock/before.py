"""Threadpool lock, before: closing a session needs one more thread."""

from fastapi import APIRouter

from app.lessons.threadpool_lock.shared import TokenDep
from app.lessons.threads_engine import ThreadsSessionDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/packing-list", responses=problems(404, 504))
def read_packing_list(
    order_id: OrderId, session: ThreadsSessionDep, _: TokenDep
) -> OrderRead:
    """Return one order for its packing list."""
    # LEAK threadpool_lock-1: closing the session needs one more free thread.
    found = session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
