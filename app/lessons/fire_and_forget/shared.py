"""Shared by both variants: the running tasks, the statement, the response."""

import asyncio

from pydantic import BaseModel
from sqlalchemy import bindparam
from sqlmodel import select

from app.database.models import ITEMS

PRODUCTS = (
    select(ITEMS.c.product)
    .where(ITEMS.c.order_id == bindparam("order_id"))
    .order_by(ITEMS.c.id)
)
TASKS: set[asyncio.Task[None]] = set()
"""Strong references: the event loop itself keeps only weak ones."""


def cancel_tasks() -> None:
    """Cancel all tasks; each closes its session."""
    for task in TASKS:
        task.cancel()


class Shipment(BaseModel):
    """An order that the warehouse will be notified of."""

    order_id: int
    customer: str
