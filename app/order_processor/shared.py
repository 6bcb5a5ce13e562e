"""Shared by both variants: the statements, the parameters, the responses."""

from decimal import Decimal

from pydantic import BaseModel
from sqlalchemy import bindparam, func, update
from sqlmodel import col, select

from app.database.models import Order, OrderItem, OrderStatus

FIND_ORDER = select(col(Order.id)).where(
    col(Order.id) == bindparam("order_id")
)
LOCK_ORDER = FIND_ORDER.with_for_update()
SUM_ITEMS = select(
    func.sum(col(OrderItem.price) * col(OrderItem.quantity))
).where(col(OrderItem.order_id) == bindparam("order_id"))
STORE_TOTAL = (
    update(Order)
    .where(col(Order.id) == bindparam("order_id"))
    .values(total=bindparam("sum"), status=OrderStatus.PROCESSED)
    .execution_options(synchronize_session=False)
)


class ProcessedOrder(BaseModel):
    """An order after processing: the stored status and total."""

    id: int
    status: OrderStatus
    total: Decimal
