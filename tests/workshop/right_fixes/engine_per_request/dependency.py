"""The service's session dependency."""

from fastapi import APIRouter

from app.database.sessions import ReaderDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/archive/orders/{order_id}", responses=problems(404))
async def read_archived_order(
    order_id: OrderId, session: ReaderDep
) -> OrderRead:
    """Answer one order from the archive."""
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
