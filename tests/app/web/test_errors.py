"""Each error says what is wrong, as a problem, and gives nothing away."""

import json
import logging
from collections.abc import AsyncIterator

import pytest
from fastapi import BackgroundTasks

from app.database.sessions import DatabaseDep
from app.lessons.provider import Provider
from app.web.body_limit import MOST_BYTES
from tests.conftest import Service

ITEM = {"product": "teapot", "price": "24.90", "quantity": 1}
ORDER = {"customer": "A. Trainee", "items": [ITEM]}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/orders?limit=0", "query.limit"),
        ("/orders?limit=201", "query.limit"),
        ("/orders?limit=many", "query.limit"),
        ("/orders-alt?limit=0", "query.limit"),
        ("/orders?after=-1", "query.after"),
        ("/orders?after=2147483648", "query.after"),
        ("/orders/0", "path.order_id"),
        ("/orders/2147483648", "path.order_id"),
        ("/orders/first", "path.order_id"),
        ("/analytics", "query.since"),
        ("/analytics?since=soon", "query.since"),
        ("/analytics?since=2026-02-30", "query.since"),
        ("/analytics?since=2000-01-01", "query.since"),
    ],
)
async def test_bad_input_names_the_parameter(
    production: Service, path: str, field: str
) -> None:
    answer = await production.client.get(path)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (ORDER | {"customer": ""}, "body.customer"),
        (ORDER | {"customer": "x" * 201}, "body.customer"),
        (ORDER | {"customer": "A\0B"}, "body.customer"),
        (ORDER | {"items": []}, "body.items"),
        (ORDER | {"items": [ITEM] * 101}, "body.items"),
        (ORDER | {"items": [ITEM | {"product": ""}]}, "body.items.0.product"),
        (
            ORDER | {"items": [ITEM | {"product": "\0"}]},
            "body.items.0.product",
        ),
        (ORDER | {"items": [ITEM | {"price": "-1"}]}, "body.items.0.price"),
        (ORDER | {"items": [ITEM | {"price": "0.001"}]}, "body.items.0.price"),
        (ORDER | {"items": [ITEM | {"price": "1e9"}]}, "body.items.0.price"),
        (ORDER | {"items": [ITEM | {"price": "NaN"}]}, "body.items.0.price"),
        *(
            (ORDER | {"items": [ITEM | {"price": no}]}, "body.items.0.price")
            for no in (
                *("0E+2147483647", "1_000", "١٢", "", " 5", "-0", "5."),
                *(10**400, True, 0.001),
            )
        ),
        *(
            (ORDER | {"customer": f"A{no}B"}, "body.customer")
            for no in ("\n", "\x1b", "\x85", "\u2028", "\u202e", "\u2067")
        ),
        (
            ORDER | {"items": [ITEM, ITEM | {"quantity": 0}]},
            "body.items.1.quantity",
        ),
        (
            ORDER | {"items": [ITEM | {"quantity": 1001}]},
            "body.items.0.quantity",
        ),
        ({"items": [ITEM]}, "body.customer"),
        ({"customer": "A. Trainee"}, "body.items"),
        (None, "body"),
    ],
)
async def test_bad_input_names_the_field(
    production: Service, body: dict[str, object] | None, field: str
) -> None:
    answer = await production.client.post("/orders", json=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_half_a_character_is_bad_input(production: Service) -> None:
    answer = await production.client.post(
        "/orders",
        content=json.dumps(ORDER | {"customer": "\ud800"}),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.customer"


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ("{", "application/json"),
        ("customer=A", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_is_no_json_is_bad_input(
    production: Service, content: str, content_type: str
) -> None:
    answer = await production.client.post(
        "/orders", content=content, headers={"Content-Type": content_type}
    )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Wrong: body."


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nowhere", 404, "Not Found"),
        ("GET", "/orders/2147483647", 404, "Order not found"),
        ("POST", "/orders/2147483647/process", 404, "Order not found"),
        ("DELETE", "/orders", 405, "Method Not Allowed"),
        ("POST", "/orders/97/process", 409, "Empty order"),
        ("GET", "/orders?limit=0", 422, "Bad input"),
        ("GET", "/analytics?since=2000-01-01", 422, "Too many days"),
        ("GET", "/analytics?since=0", 422, "Bad input"),
    ],
)
async def test_an_error_is_a_problem_with_title_and_status(
    production: Service, method: str, path: str, status: int, title: str
) -> None:
    answer = await production.client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "about:blank"
    assert (problem["status"], problem["title"]) == (status, title)
    assert problem["detail"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/analytics", "GET"),
        ("/orders", "GET, POST"),
        ("/orders/1", "GET"),
        ("/lab/gc", "POST, PUT"),
    ],
)
async def test_a_wrong_method_is_told_all_right_ones(
    service: Service, path: str, methods: str
) -> None:
    answer = await service.client.delete(path)

    assert answer.headers["allow"] == methods


async def pieces(size: int) -> AsyncIterator[bytes]:
    """A body of this size that does not declare it: it is sent chunked."""
    for _ in range(16):
        yield b" " * (size // 16)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_has_a_limit(
    production: Service,
    declared: bool,  # noqa: FBT001
) -> None:
    def body(size: int) -> bytes | AsyncIterator[bytes]:
        return b" " * size if declared else pieces(size)

    largest, larger = [
        await production.client.post(
            "/orders",
            content=body(size),
            headers={"Content-Type": "application/json"},
        )
        for size in (MOST_BYTES, MOST_BYTES + 16)
    ]

    assert largest.status_code == 422
    assert larger.status_code == 413
    assert larger.headers["content-type"] == "application/problem+json"
    assert larger.json()["detail"] == "A body has at most 1048576 bytes."


@pytest.mark.parametrize("switch", ["gc", "provider", "orders"])
@pytest.mark.parametrize("wrong", [0, 1, "false", "no"])
async def test_a_switch_is_true_or_false(
    service: Service, switch: str, wrong: object
) -> None:
    field = {"gc": "enabled", "provider": "answers", "orders": "locked"}

    answer = await service.client.put(
        f"/lab/{switch}", json={field[switch]: wrong}
    )

    assert answer.status_code == 422


async def test_a_fault_of_ours_is_500_and_says_nothing_of_itself(
    production: Service,
) -> None:
    @production.app.get("/fault")
    async def fault() -> None:
        message = "SELECT * FROM orders -- as postgres:secret@db.internal"
        raise ZeroDivisionError(message)

    answer = await production.client.get("/fault")

    assert answer.status_code == 500
    assert answer.json() == {
        "type": "about:blank",
        "title": "Internal error",
        "status": 500,
        "detail": "Something went wrong here; the service's log has it.",
    }
    # The server does close it, and a client may not send a POST twice.
    assert answer.headers["connection"] == "close"


async def test_the_log_has_the_trace_of_a_fault_of_ours(
    production: Service, caplog: pytest.LogCaptureFixture
) -> None:
    @production.app.get("/fault")
    async def fault() -> None:
        message = "a fault of ours"
        raise ZeroDivisionError(message)

    await production.client.get("/fault")

    assert "ZeroDivisionError: a fault of ours" in caplog.text


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_a_wrong_statement_is_a_fault_of_ours(
    production: Service,
) -> None:
    @production.app.get("/fault")
    async def fault(database: DatabaseDep) -> None:
        async with database.engine.connect() as connection:
            await connection.exec_driver_sql("SELECT nothing FROM nowhere")

    answer = await production.client.get("/fault")

    assert answer.status_code == 500
    assert "nowhere" not in answer.text


async def test_a_silent_provider_is_no_fault_of_the_database(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Provider, "PATIENCE", 0.01)
    await service.client.put("/lab/provider", json={"answers": False})

    answer = await service.client.get("/after/orders/1/delivery")

    assert answer.status_code == 504
    assert answer.json()["title"] == "Provider timeout"


@pytest.mark.parametrize("variant", ["before", "after"])
async def test_an_error_after_the_response_is_one_line_in_the_log(
    service: Service,
    variant: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Provider, "PATIENCE", 0.01)
    await service.client.put("/lab/provider", json={"answers": False})

    path = f"/{variant}/orders/1/confirmation"
    answer = await service.client.post(path)
    await service.at_rest()

    assert answer.status_code == 202
    [line] = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert line.getMessage().startswith(f"{path} ended early: ")
    assert not line.exc_info


async def test_a_bug_after_the_response_keeps_its_trace(
    production: Service, caplog: pytest.LogCaptureFixture
) -> None:
    @production.app.get("/fault")
    async def fault(tasks: BackgroundTasks) -> None:
        tasks.add_task(divmod, 1, 0)

    await production.client.get("/fault")
    await production.at_rest()

    assert "ZeroDivisionError" in caplog.text
