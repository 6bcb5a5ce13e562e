"""Shared by both variants: the statements, the parameters, the responses.

The statements are constants: SQLAlchemy compiles each of them once, and a
request only binds its values.
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import bindparam
from sqlmodel import select

from app.database.models import ORDERS, Order, OrderItem, OrderStatus
from app.orders.fields import Name, Price

LARGEST_ID = 2**31 - 1

# SQLModel types `select` for at most four columns, so the type is ignored.
ORDER = select(  # type: ignore[call-overload]
    ORDERS.c.id,
    ORDERS.c.customer,
    ORDERS.c.status,
    ORDERS.c.total,
    ORDERS.c.created_at,
)
ORDER_PAGE = (
    ORDER.where(ORDERS.c.id > bindparam("after"))
    .order_by(ORDERS.c.id)
    .limit(bindparam("limit"))
)
ONE_ORDER = ORDER.where(ORDERS.c.id == bindparam("id"))

OrderId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Limit = Annotated[int, Query(ge=1, le=200, description="Orders on the page.")]
After = Annotated[
    int,
    Query(
        ge=0,
        le=LARGEST_ID,
        description="The last id of the previous page; 0 for the first page.",
    ),
]


class OrderRead(BaseModel):
    """An order, as a client sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    customer: str
    status: OrderStatus
    total: Decimal | None = Field(description="Set by processing.")
    created_at: dt.datetime


class ItemCreate(BaseModel):
    """A line of a new order."""

    product: Name
    price: Price
    quantity: int = Field(ge=1, le=1000)


class OrderCreate(BaseModel):
    """A new order."""

    customer: Name
    items: list[ItemCreate] = Field(min_length=1, max_length=100)

    def to_order(self) -> Order:
        """Make the rows to store."""
        items = [OrderItem(**item.model_dump()) for item in self.items]
        return Order(customer=self.customer, items=items)
