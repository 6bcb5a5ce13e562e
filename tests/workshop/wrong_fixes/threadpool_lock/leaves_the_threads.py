"""An `async def` needs no thread.

stops the loop: While one request waits for the database
"""

from fastapi import APIRouter

from app.lessons.threadpool_lock.shared import TokenDep
from app.lessons.threads_engine import ThreadsSessionDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/packing-list", responses=problems(404, 504))
async def read_packing_list(
    order_id: OrderId, session: ThreadsSessionDep, _: TokenDep
) -> OrderRead:
    """Answer one order, for whoever packs it."""
    found = session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
