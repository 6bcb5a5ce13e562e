"""A block, and a synchronous session in it.

stops the loop: While one request waits for the database
"""

from fastapi import APIRouter
from sqlmodel import Session

from app.lessons.provider import ProviderDep
from app.lessons.slow_call.shared import Delivery
from app.lessons.threads_engine import ThreadsEngineDep
from app.orders.shared import ONE_ORDER, OrderId
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/delivery", responses=problems(404, 504))
async def ask_for_delivery(
    order_id: OrderId, engine: ThreadsEngineDep, carrier: ProviderDep
) -> Delivery:
    """Ask the carrier how long the delivery of an order takes."""
    with Session(engine) as session:
        found = session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    await carrier.call()
    return Delivery(order_id=order_id, customer=order.customer, days=2)
