"""The cache lets go, and the collector is called.

leaks: gc.collect() is no way to give back
"""

import gc

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep
from app.lessons.kept_session.shared import RECENT
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/recent", responses=problems(404))
async def look_at_order(order_id: OrderId, database: DatabaseDep) -> OrderRead:
    """Answer one order, and remember that it was looked at."""
    session = AsyncSession(database.engine)
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    RECENT.append(order)
    del session, found
    gc.collect()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
