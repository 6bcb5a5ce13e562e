"""Analytics, after: every exit path releases the connection."""

from fastapi import APIRouter

from app.analytics.shared import METRICS_SINCE, MOST_DAYS, Day, Since
from app.database.sessions import DatabaseDep
from app.web.errors import TooManyDays

router = APIRouter()


@router.get("/analytics")
async def get_analytics(database: DatabaseDep, since: Since) -> list[Day]:
    """Return the shop's figures for each day, from `since` to today."""
    # FIX analytics-1: `async with` releases the connection on every exit path.
    async with database.pool.acquire(
        timeout=database.settings.pool_timeout
    ) as connection:
        days = await connection.fetch(METRICS_SINCE, since)
    if not days:
        return []
    if len(days) > MOST_DAYS:
        raise TooManyDays(MOST_DAYS)
    return [Day(**day) for day in days]
