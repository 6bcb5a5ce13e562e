"""Row lock, before: an error leaves the session open and the row locked."""

from decimal import Decimal

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.models import Order, OrderStatus
from app.database.sessions import DatabaseDep
from app.order_processor.shared import SUM_ITEMS, ProcessedOrder
from app.orders.shared import OrderId
from app.web.errors import EmptyOrder, OrderNotFound, problems

router = APIRouter()


@router.post("/orders/{order_id}/invoice", responses=problems(404, 409))
async def make_invoice(
    order_id: OrderId, database: DatabaseDep
) -> ProcessedOrder:
    """Mark the order processed, which locks its row; then sum its items."""
    session = AsyncSession(database.engine)
    # LEAK row_lock-1: `raise` skips commit and close: the row stays locked.
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
    await session.close()
    return ProcessedOrder(
        id=order_id, status=OrderStatus.PROCESSED, total=total
    )
