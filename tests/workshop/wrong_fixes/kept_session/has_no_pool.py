"""An engine whose pool keeps nothing.

connects anew: NullPool keeps no connection
"""

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.kept_session.shared import RECENT
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/recent", responses=problems(404))
async def look_at_order(order_id: OrderId, database: DatabaseDep) -> OrderRead:
    """Answer one order, and remember that it was looked at."""
    engine = create_async_engine(
        database.settings.engine_url, poolclass=NullPool
    )
    async with AsyncSession(engine) as session:
        found = await session.exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    RECENT.append(order)
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
