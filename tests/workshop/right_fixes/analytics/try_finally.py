"""A release() in a finally."""

from fastapi import APIRouter

from app.analytics.shared import METRICS_SINCE, MOST_DAYS, Day, Since
from app.database.sessions import DatabaseDep
from app.web.errors import TooManyDays

router = APIRouter()


@router.get("/analytics")
async def get_analytics(database: DatabaseDep, since: Since) -> list[Day]:
    """Answer the shop's figures day by day, from `since` to today."""
    connection = await database.pool.acquire(
        timeout=database.settings.pool_timeout
    )
    try:
        days = await connection.fetch(METRICS_SINCE, since)
        if len(days) > MOST_DAYS:
            raise TooManyDays(MOST_DAYS)
        return [Day(**day) for day in days]
    finally:
        await database.pool.release(connection)
