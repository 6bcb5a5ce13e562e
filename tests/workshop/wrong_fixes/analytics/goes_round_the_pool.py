"""A connection of its own, closed on every way out.

connects anew: It goes round the pool
"""

import asyncpg
from fastapi import APIRouter

from app.analytics.shared import METRICS_SINCE, MOST_DAYS, Day, Since
from app.database.sessions import DatabaseDep
from app.web.errors import TooManyDays

router = APIRouter()


@router.get("/analytics")
async def get_analytics(database: DatabaseDep, since: Since) -> list[Day]:
    """Answer the shop's figures day by day, from `since` to today."""
    connection = await asyncpg.connect(database.settings.dsn)
    try:
        days = await connection.fetch(METRICS_SINCE, since)
    finally:
        await connection.close()
    if len(days) > MOST_DAYS:
        raise TooManyDays(MOST_DAYS)
    return [Day(**day) for day in days]
