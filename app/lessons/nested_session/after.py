"""Nested session, after: each request needs one connection."""

from fastapi import APIRouter

from app.database.sessions import SessionDep
from app.lessons.nested_session.shared import Receipt
from app.order_processor.shared import SUM_ITEMS
from app.orders.shared import ONE_ORDER, OrderId
from app.web.errors import OrderNotFound, problems

router = APIRouter()


@router.get("/orders/{order_id}/receipt", responses=problems(404))
async def read_receipt(order_id: OrderId, session: SessionDep) -> Receipt:
    """Return what an order costs."""
    found = await session.exec(ONE_ORDER, params={"id": order_id})
    order = found.one_or_none()
    if order is None:
        raise OrderNotFound(order_id)
    # FIX nested_session-1: reuse the request's session for the second query.
    summed = await session.exec(SUM_ITEMS, params={"order_id": order_id})
    total = summed.one() or 0
    return Receipt(order_id=order_id, customer=order.customer, total=total)
