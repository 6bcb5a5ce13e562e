"""Row lock, after: an error rolls back, which unlocks the row."""

from decimal import Decimal

from fastapi import APIRouter

from app.database.models import Order, OrderStatus
from app.database.sessions import SessionDep
from app.order_processor.shared import SUM_ITEMS, ProcessedOrder
from app.orders.shared import OrderId
from app.web.errors import EmptyOrder, OrderNotFound, problems

router = APIRouter()


@router.post("/orders/{order_id}/invoice", responses=problems(404, 409))
async def make_invoice(
    order_id: OrderId, session: SessionDep
) -> ProcessedOrder:
    """Mark the order processed, which locks its row; then sum its items."""
    # FIX row_lock-1: FastAPI closes the session, which rolls back and unlocks.
    order = await session.get(Order, order_id)
    if order is None:
        raise OrderNotFound(order_id)
    order.status, order.total = OrderStatus.PROCESSED, Decimal()
    await session.flush()
    found = await session.exec(SUM_ITEMS, params={"order_id": order_id})
    total = found.one()
    if total is None:
        raise EmptyOrder(order_id)
    order.total = total
    await session.commit()
    return ProcessedOrder(
        id=order_id, status=OrderStatus.PROCESSED, total=total
    )
