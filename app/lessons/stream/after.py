"""Stream, after: the session closes before the first event."""

from collections.abc import AsyncIterator

from fastapi import APIRouter

from app.database.sessions import SessionDep
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
    session: SessionDep,
    carrier: ProviderDep,
) -> EventStream:
    """Stream where the parcel is, one event for each step."""
    # FIX stream-1: SessionDep closes the session before the stream starts.
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
