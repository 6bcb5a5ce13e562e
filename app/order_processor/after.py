"""Order processor, after: one session, one transaction, one row lock."""

from fastapi import APIRouter

from app.database.models import OrderStatus
from app.database.sessions import SessionDep
from app.order_processor.shared import (
    LOCK_ORDER,
    STORE_TOTAL,
    SUM_ITEMS,
    ProcessedOrder,
)
from app.orders.shared import OrderId
from app.web.errors import EmptyOrder, OrderNotFound, problems

router = APIRouter()


@router.post("/orders/{order_id}/process", responses=problems(404, 409))
async def process_order(
    order_id: OrderId, session: SessionDep
) -> ProcessedOrder:
    """Sum price × quantity of the items, store the sum and the status."""
    this = {"order_id": order_id}
    # FIX order_processor-1: FastAPI closes the session on every exit path.
    # FOR UPDATE: with one transaction, a row lock can protect the total.
    found = await session.exec(LOCK_ORDER, params=this)
    if found.one_or_none() is None:
        raise OrderNotFound(order_id)
    # FIX order_processor-2: reuse the session for the second query.
    total = (await session.exec(SUM_ITEMS, params=this)).one()
    if total is None:
        raise EmptyOrder(order_id)
    await session.exec(STORE_TOTAL, params=this | {"sum": total})
    await session.commit()
    return ProcessedOrder(
        id=order_id, status=OrderStatus.PROCESSED, total=total
    )
