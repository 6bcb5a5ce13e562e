"""What both variants share: what callers see."""

from pydantic import BaseModel


class Delivery(BaseModel):
    """What the carrier has promised."""

    order_id: int
    customer: str
    days: int
