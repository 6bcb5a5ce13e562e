"""Analytics: the shop's figures, day by day."""

import datetime as dt

import psycopg

from app.analytics.shared import MOST_DAYS
from tests.conftest import TODAY, Service


def days_ago(days: int) -> dt.date:
    return TODAY - dt.timedelta(days=days)


async def test_answers_each_day_from_the_first_to_today(
    production: Service,
) -> None:
    answer = await production.client.get(f"/analytics?since={days_ago(6)}")

    assert [day["day"] for day in answer.json()] == [
        str(days_ago(back)) for back in range(6, -1, -1)
    ]


async def test_figures_are_those_stored(
    production: Service, database_url: str
) -> None:
    answer = await production.client.get(f"/analytics?since={TODAY}")

    with psycopg.connect(database_url) as connection:
        stored = connection.execute(
            "SELECT day::text, visitors, orders, revenue::text"
            " FROM metrics WHERE day = %s",
            [TODAY],
        ).fetchone()
    assert [tuple(day.values()) for day in answer.json()] == [stored]


async def test_no_data_is_an_empty_list(production: Service) -> None:
    answer = await production.client.get("/analytics?since=2999-01-01")

    assert (answer.status_code, answer.json()) == (200, [])


async def test_a_year_can_be_asked_for(production: Service) -> None:
    since = days_ago(MOST_DAYS - 1)

    answer = await production.client.get(f"/analytics?since={since}")

    assert len(answer.json()) == MOST_DAYS == 366


async def test_more_than_a_year_is_refused(production: Service) -> None:
    answer = await production.client.get(
        f"/analytics?since={days_ago(MOST_DAYS)}"
    )

    assert answer.status_code == 422
    assert "366 days" in answer.json()["detail"]
