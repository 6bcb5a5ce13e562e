"""Its own pool is closed again.

connects anew: A pool of its own for each request is no pool
"""

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
    """Answer one order from the archive."""
    settings = database.settings
    engine = create_async_engine(
        settings.engine_url,
        pool_recycle=settings.pool_recycle,
        connect_args=engine_arguments(settings, ENGINE),
    )
    try:
        async with AsyncSession(engine) as session:
            found = await session.exec(ONE_ORDER, params={"id": order_id})
            order = found.one_or_none()
    finally:
        await engine.dispose()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
