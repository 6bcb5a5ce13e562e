"""An async with that reads for the task."""

import logging
from decimal import Decimal

from fastapi import APIRouter, BackgroundTasks
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.background_task.shared import Confirmation
from app.lessons.provider import Provider, ProviderDep
from app.order_processor.shared import SUM_ITEMS
from app.orders.shared import ONE_ORDER, OrderId
from app.web.errors import OrderNotFound, problems

logger = logging.getLogger(__name__)
router = APIRouter()


@router.post(
    "/orders/{order_id}/confirmation",
    status_code=202,
    responses=problems(404),
)
async def confirm_order(
    order_id: OrderId,
    database: DatabaseDep,
    mail_server: ProviderDep,
    tasks: BackgroundTasks,
) -> Confirmation:
    """Promise the customer a mail, and send it after the answer."""
    async with AsyncSession(database.reader) as session:
        found = await session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
        if order is None:
            raise OrderNotFound(order_id)
        summed = await session.exec(SUM_ITEMS, params={"order_id": order_id})
        total = summed.one()
    tasks.add_task(send_mail, order_id, total, mail_server)
    return Confirmation(order_id=order_id, customer=order.customer)


async def send_mail(
    order_id: int, total: Decimal | None, mail_server: Provider
) -> None:
    """Mail what the order costs."""
    await mail_server.call()
    logger.info("order %s: mailed that it costs %s", order_id, total)
