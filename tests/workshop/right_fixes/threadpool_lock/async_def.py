"""An async def and an AsyncSession."""

from fastapi import APIRouter

from app.database.sessions import SessionDep
from app.lessons.threadpool_lock.shared import TokenDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/packing-list", responses=problems(404, 504))
async def read_packing_list(
    order_id: OrderId, session: SessionDep, _: TokenDep
) -> OrderRead:
    """Answer one order, for whoever packs it."""
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
