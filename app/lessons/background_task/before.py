"""Background task, before: the mail task uses the request's session."""

import logging
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import get_session
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
    session: Annotated[AsyncSession, Depends(get_session)],
    mail_server: ProviderDep,
    tasks: BackgroundTasks,
) -> Confirmation:
    """Respond at once, and mail the customer in a background task."""
    # LEAK background_task-1: the session stays open until the mail is sent.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    tasks.add_task(send_mail, session, order_id, mail_server)
    return Confirmation(order_id=order_id, customer=order.customer)


async def send_mail(
    session: AsyncSession, order_id: int, mail_server: Provider
) -> None:
    """Mail what the order costs."""
    this = {"order_id": order_id}
    total = (await session.exec(SUM_ITEMS, params=this)).one()
    await mail_server.call()
    logger.info("order %s: mailed that it costs %s", order_id, total)
