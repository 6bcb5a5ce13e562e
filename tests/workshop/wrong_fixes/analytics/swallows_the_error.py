"""A page without an end is no page at all: the error becomes a list.

answers otherwise: The error is swallowed
"""

from fastapi import APIRouter

from app.analytics.shared import METRICS_SINCE, MOST_DAYS, Day, Since
from app.database.sessions import DatabaseDep

router = APIRouter()


@router.get("/analytics")
async def get_analytics(database: DatabaseDep, since: Since) -> list[Day]:
    """Answer the shop's figures day by day, from `since` to today."""
    connection = await database.pool.acquire(
        timeout=database.settings.pool_timeout
    )
    try:
        days = await connection.fetch(METRICS_SINCE, since)
    finally:
        await database.pool.release(connection)
    if len(days) > MOST_DAYS:
        return []
    return [Day(**day) for day in days]
