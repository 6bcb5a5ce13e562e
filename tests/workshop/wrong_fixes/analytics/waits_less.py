"""Nobody waits for long.

leaks: A timeout says how long others wait
"""

from fastapi import APIRouter

from app.analytics.shared import METRICS_SINCE, MOST_DAYS, Day, Since
from app.database.sessions import DatabaseDep
from app.web.errors import TooManyDays

router = APIRouter()


@router.get("/analytics")
async def get_analytics(database: DatabaseDep, since: Since) -> list[Day]:
    """Answer the shop's figures day by day, from `since` to today."""
    connection = await database.pool.acquire(timeout=1)
    days = await connection.fetch(METRICS_SINCE, since)
    if not days:
        return []
    if len(days) > MOST_DAYS:
        raise TooManyDays(MOST_DAYS)
    await database.pool.release(connection)
    return [Day(**day) for day in days]
