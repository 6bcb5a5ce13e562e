"""What both variants share: what callers see."""

from pydantic import BaseModel


class Confirmation(BaseModel):
    """A mail that will be sent."""

    order_id: int
    customer: str
