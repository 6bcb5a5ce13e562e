"""Engine per request, before: each request creates a pool and drops it."""

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.connect import engine_arguments
from app.database.pools import ENGINE
from app.database.sessions import DatabaseDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/archive/orders/{order_id}", responses=problems(404))
async def read_archived_order(
    order_id: OrderId, database: DatabaseDep
) -> OrderRead:
    """Return one order from the archive."""
    settings = database.settings
    engine = create_async_engine(
        settings.engine_url,
        pool_recycle=settings.pool_recycle,
        connect_args=engine_arguments(settings, ENGINE),
    )
    # LEAK engine_per_request-1: this request's own pool is never disposed.
    async with AsyncSession(engine) as session:
        found = await session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
