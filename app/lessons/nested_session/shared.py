"""What both variants share: what callers see."""

from decimal import Decimal

from pydantic import BaseModel


class Receipt(BaseModel):
    """What an order costs, and whom."""

    order_id: int
    customer: str
    total: Decimal
