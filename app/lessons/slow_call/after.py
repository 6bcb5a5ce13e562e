"""Slow call, after: the connection is returned before the call."""

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.provider import ProviderDep
from app.lessons.slow_call.shared import Delivery
from app.orders.shared import ONE_ORDER, OrderId
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/delivery", responses=problems(404, 504))
async def ask_for_delivery(
    order_id: OrderId, database: DatabaseDep, carrier: ProviderDep
) -> Delivery:
    """Call the carrier for how long a delivery takes."""
    # FIX slow_call-1: the session closes before the carrier is called.
    async with AsyncSession(database.engine) as session:
        found = await session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    await carrier.call()
    return Delivery(order_id=order_id, customer=order.customer, days=2)
