"""Analytics, before: two of the three exit paths skip the release."""

from fastapi import APIRouter

from app.analytics.shared import METRICS_SINCE, MOST_DAYS, Day, Since
from app.database.sessions import DatabaseDep
from app.web.errors import TooManyDays

router = APIRouter()


@router.get("/analytics")
async def get_analytics(database: DatabaseDep, since: Since) -> list[Day]:
    """Return the shop's figures for each day, from `since` to today."""
    # LEAK analytics-1: `return []` and `raise` below skip the release().
    connection = await database.pool.acquire(
        timeout=database.settings.pool_timeout
    )
    days = await connection.fetch(METRICS_SINCE, since)
    if not days:
        return []
    if len(days) > MOST_DAYS:
        raise TooManyDays(MOST_DAYS)
    await database.pool.release(connection)
    return [Day(**day) for day in days]
