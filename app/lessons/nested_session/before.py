"""Nested session, before: each request needs two connections at once."""

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep, SessionDep
from app.lessons.nested_session.shared import Receipt
from app.order_processor.shared import SUM_ITEMS
from app.orders.shared import ONE_ORDER, OrderId
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/receipt", responses=problems(404))
async def read_receipt(
    order_id: OrderId, session: SessionDep, database: DatabaseDep
) -> Receipt:
    """Return what an order costs."""
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    async with AsyncSession(database.engine) as items:
        # LEAK nested_session-1: takes a second connection while holding one.
        summed = await items.exec(SUM_ITEMS, params={"order_id": order_id})
        total = summed.one() or 0
    return Receipt(order_id=order_id, customer=order.customer, total=total)
