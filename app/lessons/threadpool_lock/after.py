"""Threadpool lock, after: the handler closes its session in its own thread."""

from fastapi import APIRouter
from sqlmodel import Session

from app.lessons.threadpool_lock.shared import TokenDep
from app.lessons.threads_engine import ThreadsEngineDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/packing-list", responses=problems(404, 504))
def read_packing_list(
    order_id: OrderId, engine: ThreadsEngineDep, _: TokenDep
) -> OrderRead:
    """Return one order for its packing list."""
    # FIX threadpool_lock-1: `with` closes the session in the same thread.
    with Session(engine) as session:
        found = session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
