"""A dependency removes, in another thread.

leaks: It is still lent when its request has ended
"""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends

from app.errors import OrderNotFound, problems
from app.lessons.scoped_session.query import registry_of
from app.orders.query import ONE_ORDER, OrderId, OrderRead
from app.threads_engine import ThreadsEngineDep

router = APIRouter()


def removed(engine: ThreadsEngineDep) -> Iterator[None]:
    """Remove the session when the request has ended."""
    yield
    registry_of(engine).remove()


RemovedDep = Annotated[None, Depends(removed)]


@router.get("/orders/{order_id}/parcel", responses=problems(404))
def look_at_parcel(
    order_id: OrderId, engine: ThreadsEngineDep, _: RemovedDep
) -> OrderRead:
    """Answer one order, for its parcel."""
    session = registry_of(engine)()
    found = session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    return OrderRead.model_validate(order)
