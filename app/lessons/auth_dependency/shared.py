"""What both variants share: who may come in, and what callers see."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from app.orders.query import LARGEST_ID
from app.web.errors import Problem

OrderNumber = Annotated[int, Query(ge=1, le=LARGEST_ID)]
Customer = Annotated[str, Query(min_length=1, max_length=200)]


class UnknownGuest(Problem):
    """Guests have no password: they name an order, and whose it is."""

    status = HTTPStatus.FORBIDDEN
    title = "Unknown guest"

    def __init__(self) -> None:
        """Do not say which of the two is wrong."""
        super().__init__("No order of that number belongs to that customer.")


class Offer(BaseModel):
    """What a guest might like."""

    customer: str
    product: str
