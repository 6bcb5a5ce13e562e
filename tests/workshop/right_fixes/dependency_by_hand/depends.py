"""Depends: FastAPI begins the generator, and ends it."""

from fastapi import APIRouter

from app.lessons.threads_engine import ThreadsSessionDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/summary", responses=problems(404))
def summarize_order(
    order_id: OrderId, session: ThreadsSessionDep
) -> OrderRead:
    """Answer one order."""
    found = session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
