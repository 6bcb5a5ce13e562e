"""Background task, after: the mail task opens a short, separate session."""

import logging

from fastapi import APIRouter, BackgroundTasks
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.pools import Database
from app.database.sessions import DatabaseDep, SessionDep
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
    session: SessionDep,
    database: DatabaseDep,
    mail_server: ProviderDep,
    tasks: BackgroundTasks,
) -> Confirmation:
    """Respond at once, and mail the customer in a background task."""
    # FIX background_task-1: the session closes before the response is sent.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    tasks.add_task(send_mail, database, order_id, mail_server)
    return Confirmation(order_id=order_id, customer=order.customer)


async def send_mail(
    database: Database, order_id: int, mail_server: Provider
) -> None:
    """Mail what the order costs."""
    this = {"order_id": order_id}
    # The second half of the fix: a separate session, only for this query.
    async with AsyncSession(database.engine) as session:
        total = (await session.exec(SUM_ITEMS, params=this)).one()
    await mail_server.call()
    logger.info("order %s: mailed that it costs %s", order_id, total)
