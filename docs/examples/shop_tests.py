"""The shop's own tests: they check responses, and no connections."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from shop import app


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """The shop, open."""
    with TestClient(app) as client:
        yield client


def test_does_not_know_other_orders(client: TestClient) -> None:
    """An order that does not exist has no customer."""
    assert client.get("/customers/0").status_code == 404


def test_says_whose_order_it_is(client: TestClient) -> None:
    """An order has one."""
    assert client.get("/customers/1").json() == "Dana Fuchs"
