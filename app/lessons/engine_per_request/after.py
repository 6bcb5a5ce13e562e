"""Engine per request, after: all requests share the pool of the service."""

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/archive/orders/{order_id}", responses=problems(404))
async def read_archived_order(
    order_id: OrderId, database: DatabaseDep
) -> OrderRead:
    """Return one order from the archive."""
    # FIX engine_per_request-1: the connection returns to the shared pool.
    async with AsyncSession(database.engine) as session:
        found = await session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
