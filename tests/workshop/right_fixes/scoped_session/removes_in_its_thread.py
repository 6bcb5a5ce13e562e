"""A remove() in the handler's finally."""

from fastapi import APIRouter

from app.lessons.scoped_session.shared import registry_of
from app.lessons.threads_engine import ThreadsEngineDep
from app.orders.shared import ONE_ORDER, OrderId, OrderRead
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/parcel", responses=problems(404))
def look_at_parcel(order_id: OrderId, engine: ThreadsEngineDep) -> OrderRead:
    """Answer one order, for its parcel."""
    registry = registry_of(engine)
    try:
        found = registry().exec(ONE_ORDER, params={"id": order_id})
        order = found.one_or_none()
    finally:
        registry.remove()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
