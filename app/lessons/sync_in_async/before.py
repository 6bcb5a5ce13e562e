"""Sync in async, before: waiting for a connection blocks the event loop."""

from fastapi import APIRouter

from app.lessons.provider import ProviderDep
from app.lessons.threads_engine import ThreadsSessionDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/location", responses=problems(404, 504))
async def locate_order(
    order_id: OrderId, session: ThreadsSessionDep, carrier: ProviderDep
) -> OrderRead:
    """Return one order, after the carrier has located it."""
    await carrier.call()
    # LEAK sync_in_async-1: waiting for a connection blocks the event loop.
    found = session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
