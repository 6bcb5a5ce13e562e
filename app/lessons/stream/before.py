"""Stream, before: the session stays open until the last event."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import get_session
from app.lessons.provider import Provider, ProviderDep
from app.lessons.stream.shared import EventStream
from app.orders.shared import ONE_ORDER, OrderId
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get(
    "/orders/{order_id}/tracking",
    response_class=EventStream,
    responses=problems(404),
)
async def track_order(
    order_id: OrderId,
    session: Annotated[AsyncSession, Depends(get_session)],
    carrier: ProviderDep,
) -> EventStream:
    """Stream where the parcel is, one event for each step."""
    # LEAK stream-1: the session stays open until the stream ends.
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return EventStream(events(order.customer, carrier))


async def events(customer: str, carrier: Provider) -> AsyncIterator[str]:
    """Yield an event for each step that the carrier reports."""
    yield f"data: on its way to {customer}\n\n"
    await carrier.call()
    yield "data: delivered\n\n"
