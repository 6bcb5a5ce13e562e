"""Fire and forget, before: the task keeps the request's session."""

import asyncio
import logging

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
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
    order_id: OrderId, database: DatabaseDep, warehouse: ProviderDep
) -> Shipment:
    """Respond at once, and notify the warehouse in a task."""
    session = AsyncSession(database.engine)
    # LEAK fire_and_forget-1: the session stays open until the task ends.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        await session.close()
        raise OrderNotFound(order_id)
    task = asyncio.create_task(announce(order_id, session, warehouse))
    TASKS.add(task)
    task.add_done_callback(TASKS.discard)
    return Shipment(order_id=order_id, customer=order.customer)


async def announce(
    order_id: int, session: AsyncSession, warehouse: Provider
) -> None:
    """Notify the warehouse of what to pack."""
    async with session:
        found = await session.exec(PRODUCTS, params={"order_id": order_id})
        products = found.all()
        await warehouse.call()
    logger.info("order %s: to be packed: %s", order_id, ", ".join(products))
