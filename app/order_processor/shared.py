"""Shared by both variants: the statements, the parameters, the responses."""

from decimal import Decimal

from pydantic import BaseModel
from sqlalchemy import bindparam, func, update
from sqlmodel import select

from app.database.models import ITEMS, ORDERS, OrderStatus

FIND_ORDER = select(ORDERS.c.id).where(ORDERS.c.id == bindparam("order_id"))
LOCK_ORDER = FIND_ORDER.with_for_update()
SUM_ITEMS = select(func.sum(ITEMS.c.price * ITEMS.c.quantity)).where(
    ITEMS.c.order_id == bindparam("order_id")
)
STORE_TOTAL = (
    update(ORDERS)
    .where(ORDERS.c.id == bindparam("order_id"))
    .values(total=bindparam("sum"), status=OrderStatus.PROCESSED)
)


class ProcessedOrder(BaseModel):
    """An order after processing: the stored status and total."""

    id: int
    status: OrderStatus
    total: Decimal
