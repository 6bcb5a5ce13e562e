"""Sync in async, after: waiting for a connection lets other requests run."""

from fastapi import APIRouter

from app.database.sessions import SessionDep
from app.lessons.provider import ProviderDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/location", responses=problems(404, 504))
async def locate_order(
    order_id: OrderId, session: SessionDep, carrier: ProviderDep
) -> OrderRead:
    """Return one order, after the carrier has located it."""
    await carrier.call()
    # FIX sync_in_async-1: `await` lets other requests run during the wait.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
