"""Shared by both variants: the response."""

from pydantic import BaseModel


class Delivery(BaseModel):
    """How many days the carrier needs."""

    order_id: int
    customer: str
    days: int
