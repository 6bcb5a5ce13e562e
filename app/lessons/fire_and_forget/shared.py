"""What both variants share: the tasks at work, and what callers see."""

import asyncio

from pydantic import BaseModel
from sqlalchemy import bindparam
from sqlmodel import col, select

from app.database.models import OrderItem

PRODUCTS = (
    select(OrderItem.product)
    .where(col(OrderItem.order_id) == bindparam("order_id"))
    .order_by(col(OrderItem.id))
)
TASKS: set[asyncio.Task[None]] = set()
"""The event loop refers to its tasks weakly, so somebody must keep them."""


def cancel_tasks() -> None:
    """End all that is under way; each closes what it has."""
    for task in TASKS:
        task.cancel()


class Shipment(BaseModel):
    """An order that the warehouse will hear of."""

    order_id: int
    customer: str
