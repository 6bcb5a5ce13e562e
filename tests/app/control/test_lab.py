"""The control endpoints of the lab, which require its token."""

import gc
import json
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from app.api import LESSONS
from app.control import routes as control
from app.settings import Settings
from tests.conftest import Service

ROUTES = [
    (method, route.path.format(lesson="orders"))
    for route in control.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"Bearer wrong", id="wrong"),
        pytest.param(b"Bearer", id="empty"),
        pytest.param(b"Basic dGhlIGxhYidzIHRva2Vu", id="other scheme"),
        pytest.param("Bearer töken".encode(), id="not ASCII"),
    ],
)
async def test_requests_without_the_token_are_refused(
    service: Service, given: bytes
) -> None:
    for method, path in ROUTES:
        answer = await service.client.request(
            method, path, headers={b"Authorization": given}
        )

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


def test_there_are_control_endpoints() -> None:
    assert ("POST", "/lab/reset") in ROUTES


async def test_setting_a_flag_writes_the_file(
    service: Service, settings: Settings
) -> None:
    answer = await service.client.put(
        "/lab/flags/orders", json={"variant": "before"}
    )

    assert (answer.status_code, answer.json()) == (200, {"variant": "before"})
    flags = json.loads(settings.flags_file.read_text())["flags"]
    assert {name: flags[name]["defaultVariant"] for name in flags} == {
        lesson.name: "before" if lesson.name == "orders" else "after"
        for lesson in LESSONS
    }


async def test_reading_flags_returns_the_flags_of_the_file(
    service: Service, settings: Settings
) -> None:
    answer = await service.client.get("/lab/flags")

    assert (
        answer.json() == json.loads(settings.flags_file.read_text())["flags"]
    )


async def test_a_flag_of_no_lesson_is_not_found(service: Service) -> None:
    answer = await service.client.put(
        "/lab/flags/other", json={"variant": "before"}
    )

    assert answer.status_code == 404


async def test_a_variant_that_does_not_exist_is_refused(
    service: Service,
) -> None:
    answer = await service.client.put(
        "/lab/flags/orders", json={"variant": "between"}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.variant"


@pytest.mark.parametrize("content", ["{", '{"flags": {"orders": 5}}'])
async def test_a_broken_flag_file_is_a_conflict(
    service: Service, settings: Settings, content: str
) -> None:
    settings.flags_file.write_text(content)

    answer = await service.client.get("/lab/flags")

    assert answer.status_code == 409


async def test_a_flag_file_that_cannot_be_written_is_a_conflict(
    service: Service, settings: Settings
) -> None:
    settings.flags_file.unlink()
    settings.flags_file.mkdir()

    for method, path in (("PUT", "/lab/flags/orders"), ("POST", "/lab/reset")):
        answer = await service.client.request(
            method, path, json={"variant": "before"}
        )

        assert answer.status_code == 409
        assert "Is a directory" in answer.json()["detail"]


async def test_setting_a_flag_repairs_a_broken_file(
    service: Service, settings: Settings
) -> None:
    settings.flags_file.write_text("{")

    await service.client.put("/lab/flags/orders", json={"variant": "after"})

    assert (await service.client.get("/lab/flags")).status_code == 200


async def test_lists_each_loan_with_its_borrower_and_its_line(
    service: Service,
) -> None:
    await service.client.get("/before/orders/1")
    await service.at_rest()

    found = (await service.client.get("/poolwatch/loans")).json()

    [loan] = found["loans"]
    assert loan["borrower"] == "GET /before/orders/{order_id}"
    assert loan["site"].startswith("app/orders/before.py:")
    assert loan["site"].endswith(" get_order")
    assert (loan["pool"], loan["state"]) == ("engine", "leaked")
    assert {pool["name"]: pool["leaks"] for pool in found["pools"]} == {
        "engine": 1,
        "asyncpg": 0,
        "threads": 0,
    }


async def test_does_not_count_itself_as_a_borrower(service: Service) -> None:
    found = (await service.client.get("/poolwatch/loans")).json()

    [process] = found["processes"]
    assert process["borrowers"] == 0


async def test_pools_and_server_count_the_same_connections(
    service: Service,
) -> None:
    await service.client.get("/before/orders")
    await service.at_rest()

    found = (await service.client.get("/lab/backends")).json()

    assert found["pooled"] == found["backends"] == 3


@pytest.fixture
def collector() -> Iterator[None]:
    """Switches the garbage collector off again after the test."""
    yield
    gc.disable()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.usefixtures("collector")
async def test_switches_the_collector(
    service: Service, *, enabled: bool
) -> None:
    answer = await service.client.put("/lab/gc", json={"enabled": enabled})

    assert answer.json() == {"enabled": enabled}
    assert gc.isenabled() is enabled


@pytest.mark.filterwarnings("ignore:The garbage collector is trying")
async def test_a_forced_collection_counts_the_loans_that_it_returned(
    service: Service,
) -> None:
    await service.client.get("/before/orders")
    await service.client.get("/before/orders")
    await service.client.get("/before/analytics?since=2999-01-01")

    answer = await service.client.post("/lab/gc")

    assert answer.json()["loans_returned"] == 2
    assert len(service.loans) == 1


async def test_returns_percentiles_of_the_waits_for_a_connection(
    service: Service,
) -> None:
    for _ in range(3):
        await service.client.get("/after/orders")

    waits = (await service.client.get("/lab/waits")).json()

    assert waits["count"] == 3
    assert 0 < waits["p50"] <= waits["p95"] <= waits["p99"] <= waits["longest"]
