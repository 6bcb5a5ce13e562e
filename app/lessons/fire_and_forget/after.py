"""Fire and forget, after: the task gets values, and no session."""

import asyncio
import logging
from collections.abc import Sequence

from fastapi import APIRouter

from app.database.sessions import SessionDep
from app.lessons.fire_and_forget.shared import PRODUCTS, TASKS, Shipment
from app.lessons.provider import Provider, ProviderDep
from app.orders.shared import ONE_ORDER, OrderId
from app.web.errors import OrderNotFound, problems

logger = logging.getLogger(__name__)
router = APIRouter()


@router.post(
    "/orders/{order_id}/shipment", status_code=202, responses=problems(404)
)
async def ship_order(
    order_id: OrderId, session: SessionDep, warehouse: ProviderDep
) -> Shipment:
    """Respond at once, and notify the warehouse in a task."""
    # FIX fire_and_forget-1: FastAPI closes the session; the task gets values.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    listed = await session.exec(PRODUCTS, params={"order_id": order_id})
    task = asyncio.create_task(announce(order_id, listed.all(), warehouse))
    TASKS.add(task)
    task.add_done_callback(TASKS.discard)
    return Shipment(order_id=order_id, customer=order.customer)


async def announce(
    order_id: int, products: Sequence[str], warehouse: Provider
) -> None:
    """Notify the warehouse of what to pack."""
    await warehouse.call()
    logger.info("order %s: to be packed: %s", order_id, ", ".join(products))
