"""Shared by both variants: the response."""

from decimal import Decimal

from pydantic import BaseModel


class Receipt(BaseModel):
    """What an order costs, and who pays."""

    order_id: int
    customer: str
    total: Decimal
