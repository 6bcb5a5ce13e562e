"""Slow call, before: the connection is held while the carrier is called."""

from fastapi import APIRouter

from app.database.sessions import SessionDep
from app.lessons.provider import ProviderDep
from app.lessons.slow_call.shared import Delivery
from app.orders.shared import ONE_ORDER, OrderId
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/delivery", responses=problems(404, 504))
async def ask_for_delivery(
    order_id: OrderId, session: SessionDep, carrier: ProviderDep
) -> Delivery:
    """Call the carrier for how long a delivery takes."""
    # LEAK slow_call-1: the connection is held while the carrier is called.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    await carrier.call()
    return Delivery(order_id=order_id, customer=order.customer, days=2)
