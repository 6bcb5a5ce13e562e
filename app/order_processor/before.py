"""Order processor, before: two sessions, and most exit paths close neither."""

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.models import OrderStatus
from app.database.sessions import DatabaseDep
from app.order_processor.shared import (
    FIND_ORDER,
    STORE_TOTAL,
    SUM_ITEMS,
    ProcessedOrder,
)
from app.orders.shared import OrderId
from app.web.errors import EmptyOrder, OrderNotFound, problems

router = APIRouter()


@router.post("/orders/{order_id}/process", responses=problems(404, 409))
async def process_order(
    order_id: OrderId, database: DatabaseDep
) -> ProcessedOrder:
    """Sum price × quantity of the items, store the sum and the status."""
    this = {"order_id": order_id}
    session = AsyncSession(database.engine)
    # LEAK order_processor-1: each `raise` below skips `session.close()`.
    found = await session.exec(FIND_ORDER, params=this)
    if found.one_or_none() is None:
        raise OrderNotFound(order_id)
    items = AsyncSession(database.engine)
    # LEAK order_processor-2: nothing closes this second session.
    total = (await items.exec(SUM_ITEMS, params=this)).one()
    if total is None:
        raise EmptyOrder(order_id)
    await session.exec(STORE_TOTAL, params=this | {"sum": total})
    await session.commit()
    await session.close()
    return ProcessedOrder(
        id=order_id, status=OrderStatus.PROCESSED, total=total
    )
