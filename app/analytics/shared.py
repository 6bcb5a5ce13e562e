"""Shared by both variants: the statement, the parameter, the response."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, BeforeValidator

MOST_DAYS = 366
"""Most days that one request may cover."""

METRICS_SINCE = f"""
SELECT day, visitors, orders, revenue FROM metrics
WHERE day >= $1 ORDER BY day LIMIT {MOST_DAYS + 1}
"""  # noqa: S608 - a constant of ours

Since = Annotated[
    dt.date,
    # Pydantic alone would also accept a number, as seconds since 1970.
    BeforeValidator(dt.date.fromisoformat),
    Query(description="The first day, as YYYY-MM-DD."),
]


class Day(BaseModel):
    """The shop's figures of one day."""

    day: dt.date
    visitors: int
    orders: int
    revenue: Decimal
