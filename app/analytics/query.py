"""What both variants share: the statement, and what callers see."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, BeforeValidator

MOST_DAYS = 366
"""Days that one request may ask for."""

METRICS_SINCE = f"""
SELECT day, visitors, orders, revenue FROM metrics
WHERE day >= $1 ORDER BY day LIMIT {MOST_DAYS + 1}
"""  # noqa: S608 - a constant of ours

Since = Annotated[
    dt.date,
    # Pydantic would take a number as well, as seconds since 1970.
    BeforeValidator(dt.date.fromisoformat),
    Query(description="The first day, as YYYY-MM-DD."),
]


class Day(BaseModel):
    """The shop's figures of one day."""

    day: dt.date
    visitors: int
    orders: int
    revenue: Decimal
