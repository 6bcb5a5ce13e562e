"""The service's session dependency."""

from fastapi import APIRouter

from app.database import ReaderDep
from app.errors import OrderNotFound, problems
from app.orders.query import ONE_ORDER, OrderId, OrderRead

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
