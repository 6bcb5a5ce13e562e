"""Orders: pages, one order, a new order."""

import asyncpg
import pytest

from app.database.seed import ORDERS
from tests.conftest import Service


@pytest.mark.parametrize("path", ["/orders", "/orders-alt"])
async def test_a_page_holds_fifty_unless_told_otherwise(
    production: Service, path: str
) -> None:
    page = (await production.client.get(path)).json()

    assert [order["id"] for order in page] == list(range(1, 51))


@pytest.mark.parametrize("path", ["/orders", "/orders-alt"])
async def test_pages_hold_each_order_once(
    production: Service, path: str
) -> None:
    seen = [0]
    while page := (
        await production.client.get(
            path, params={"limit": 200, "after": seen[-1]}
        )
    ).json():
        assert page[0]["id"] > seen[-1]
        seen += [order["id"] for order in page]

    assert seen == sorted(set(seen))
    assert set(range(1, ORDERS + 1)) <= set(seen)


async def test_both_options_answer_the_same_page(production: Service) -> None:
    query = "?limit=7&after=100"

    one = await production.client.get(f"/orders{query}")
    other = await production.client.get(f"/orders-alt{query}")

    assert len(one.json()) == 7
    assert one.json() == other.json()


async def test_one_order_is_what_its_page_says(production: Service) -> None:
    [listed] = (await production.client.get("/orders?limit=1&after=41")).json()

    found = (await production.client.get("/orders/42")).json()

    assert found == listed
    assert found.keys() == {"id", "customer", "status", "total", "created_at"}


async def test_a_new_order_is_answered_as_it_is_stored(
    production: Service,
) -> None:
    created = await production.client.post(
        "/orders",
        json={
            "customer": "Zoë 'Q' Ünal",
            "items": [{"product": "cup", "price": "1.00", "quantity": 1}],
        },
    )

    order = created.json()
    assert created.status_code == 201
    assert order["customer"] == "Zoë 'Q' Ünal"
    assert (order["status"], order["total"]) == ("new", None)
    assert order["created_at"].endswith(("Z", "+00:00"))
    found = await production.client.get(f"/orders/{order['id']}")
    assert found.json() == order


@pytest.mark.parametrize(
    "customer", ["عُمَر \u200f(1)", "李小龍", "O\u2019Brien", "👩\u200d🚒"]
)
async def test_a_name_in_any_script_is_stored_as_it_is(
    production: Service, customer: str
) -> None:
    created = await production.client.post(
        "/orders",
        json={
            "customer": customer,
            "items": [{"product": "cup", "price": 1, "quantity": 1}],
        },
    )

    assert created.json()["customer"] == customer


@pytest.mark.parametrize(
    ("price", "quantity"),
    [("0.10", 3), ("0.00", 1), ("999999.99", 1000), (19.99, 7)],
)
async def test_money_is_stored_to_the_cent(
    production: Service, price: str | float, quantity: int
) -> None:
    created = await production.client.post(
        "/orders",
        json={
            "customer": "A. Trainee",
            "items": [
                {"product": "cup", "price": price, "quantity": quantity}
            ],
        },
    )

    connection = await asyncpg.connect(production.database.settings.dsn)
    stored = await connection.fetchrow(
        "SELECT price::text, quantity FROM order_items WHERE order_id = $1",
        created.json()["id"],
    )
    await connection.close()
    assert stored
    assert tuple(stored) == (str(price), quantity)


async def test_an_order_is_stored_with_its_items_or_not_at_all(
    production: Service,
) -> None:
    connection = await asyncpg.connect(production.database.settings.dsn)
    count = "SELECT (SELECT count(*) FROM orders)"
    before = await connection.fetchval(count)

    await production.client.post(
        "/orders",
        json={
            "customer": "A. Trainee",
            "items": [
                {"product": "cup", "price": "1.00", "quantity": 1},
                {"product": "cup", "price": "1.00", "quantity": -1},
            ],
        },
    )

    assert await connection.fetchval(count) == before
    await connection.close()
