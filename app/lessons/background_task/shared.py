"""Shared by both variants: the response."""

from pydantic import BaseModel


class Confirmation(BaseModel):
    """A mail that will be sent."""

    order_id: int
    customer: str
