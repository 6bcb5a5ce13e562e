"""Shared by both variants: the parameters, the error, the response."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from app.orders.shared import LARGEST_ID
from app.web.errors import Problem

OrderNumber = Annotated[int, Query(ge=1, le=LARGEST_ID)]
Customer = Annotated[str, Query(min_length=1, max_length=200)]


class UnknownGuest(Problem):
    """The order does not belong to the customer that a guest named."""

    status = HTTPStatus.FORBIDDEN
    title = "Unknown guest"

    def __init__(self) -> None:
        """Do not reveal which of the two is wrong."""
        super().__init__("No order of that number belongs to that customer.")


class Offer(BaseModel):
    """A product that a guest might like."""

    customer: str
    product: str
