"""The lab serves a trainee's file as it was saved last."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from app import analytics, order_processor, orders
from app.api import LESSONS
from app.control.exercise_file import file_of
from app.lesson import Lesson
from app.lessons import kept_session, stream, websocket
from lab.workshop.exercise import exercise_of, start
from lab.workshop.port_owner import port_owner
from tests.conftest import Service

# A reset forces a collection, and SQLAlchemy warns of what it finds.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The garbage collector is trying to clean up",
    "ignore:unclosed connection:ResourceWarning",
)

HELLO = """
from fastapi import APIRouter

router = APIRouter()


@router.get("/hello")
async def hello() -> str:
    return "{}"
"""


def save(lesson: Lesson, text: str) -> None:
    file_of(lesson).parent.mkdir(exist_ok=True)
    file_of(lesson).write_text(text)


async def test_an_exercise_has_its_own_prefix(service: Service) -> None:
    start(orders.lesson)

    answer = await service.client.get("/exercise/orders/orders?limit=2")

    assert [order["id"] for order in answer.json()] == [1, 2]


@pytest.mark.usefixtures("dead_proxy")
async def test_port_owner_uses_no_proxy(
    service: Service,
) -> None:
    start(orders.lesson)
    port = service.client.base_url.port or 0

    serves = await asyncio.to_thread(port_owner, orders.lesson, port)

    assert serves == "this folder's service"


async def test_its_loans_have_file_line_and_route(
    service: Service,
) -> None:
    start(orders.lesson)
    [*_, leak] = exercise_of(orders.lesson).leaks

    await service.client.get("/exercise/orders/orders/1")
    await service.at_rest()

    page = (await service.client.get("/poolwatch/loans")).json()
    [loan] = page["loans"]
    assert loan["site"] == f"workshop/orders.py:{leak.line} get_order"
    assert loan["borrower"] == "GET /exercise/orders/orders/{order_id}"


async def test_a_saved_file_is_served_at_once(service: Service) -> None:
    told = []
    for word in ("one", "two"):
        save(orders.lesson, HELLO.format(word))
        answer = await service.client.get("/exercise/orders/hello")
        told.append(answer.json())

    assert told == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "line", "error"),
    [
        ("import os\n\ndef (:\n", 3, "SyntaxError"),
        ("\nimport nowhere\n", 2, "ModuleNotFoundError: No module named"),
        ("x = 1\n", None, "has no attribute 'router'"),
        ("router = 1\n", None, "`router` is no APIRouter"),
        ("\n\n\nraise SystemExit('no')\n", 4, "SystemExit: no"),
        ("def f():\n    1 / 0\n\n\nf()\n", 2, "ZeroDivisionError"),
    ],
    ids=["syntax", "import", "no router", "a number", "exit", "call"],
)
async def test_a_file_that_cannot_be_loaded_is_a_500_with_the_reason(
    service: Service, text: str, line: int | None, error: str
) -> None:
    save(orders.lesson, text)

    answer = await service.client.get("/exercise/orders/orders")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert error in answer.json()["detail"]
    assert answer.json().get("line") == line
    where = "workshop/orders.py" + (f":{line}" if line else "")
    assert answer.json()["detail"].startswith(f"{where}: ")


async def test_a_broken_file_is_logged_once_for_each_text(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("(", "import nowhere", HELLO.format("right"), "("):
        save(orders.lesson, text)
        for _ in range(2):
            await service.client.get("/exercise/orders/hello")

    logged = [
        record.getMessage()
        for record in caplog.records
        if "workshop/orders.py" in record.getMessage()
    ]
    where = "workshop/orders.py:1"
    assert logged == [
        f"{where}: SyntaxError: '(' was never closed",
        f"{where}: ModuleNotFoundError: No module named 'nowhere'",
        f"{where}: SyntaxError: '(' was never closed",
    ]


async def test_a_fixed_file_is_served_again(service: Service) -> None:
    save(orders.lesson, "(")
    await service.client.get("/exercise/orders/hello")
    save(orders.lesson, HELLO.format("again"))

    answer = await service.client.get("/exercise/orders/hello")

    assert answer.json() == "again"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("orders/orders", "python -m lab workshop start orders"),
        ("orders", "python -m lab workshop start orders"),
        ("nowhere/orders", "There is no lesson 'nowhere'."),
        ("..%2Forders/orders", None),
    ],
)
async def test_an_exercise_that_was_not_started_is_a_404(
    service: Service, path: str, detail: str | None
) -> None:
    answer = await service.client.get(f"/exercise/{path}")

    assert answer.status_code == 404
    assert detail is None or detail in answer.json()["detail"]


async def test_it_returns_the_relative_path_of_the_file(
    service: Service, folder: Path
) -> None:
    start(orders.lesson)
    served = await service.client.get("/exercise/orders")
    save(orders.lesson, "router = 1")
    broken = await service.client.get("/exercise/orders")

    assert served.json()["file"] == "workshop/orders.py"
    assert broken.json()["file"] == "workshop/orders.py"
    assert str(folder) not in served.text + broken.text


async def test_clients_on_other_machines_need_the_token(
    service: Service,
) -> None:
    start(orders.lesson)
    start(websocket.lesson)
    # uvicorn trusts this header of a proxy on the same machine.
    remote = {"X-Forwarded-For": "192.0.2.7"}
    stranger = remote | {"Authorization": "Bearer guessed"}

    for path in ("/exercise/orders", "/exercise/orders/orders?limit=1"):
        refused = await service.client.get(path, headers=stranger)
        allowed = await service.client.get(path, headers=remote)
        assert (refused.status_code, allowed.status_code) == (401, 200)
    url = "/exercise/websocket/orders/live"
    with pytest.raises(InvalidStatus) as denied:
        async with service.socket(url, remote):
            pass
    assert denied.value.response.status_code == 401


async def test_a_websocket_is_served_and_its_loan_has_the_line(
    service: Service,
) -> None:
    start(websocket.lesson)
    [leak] = exercise_of(websocket.lesson).leaks

    async with service.socket("/exercise/websocket/orders/live") as socket:
        await socket.send(json.dumps({"order_id": 2147483647}))
        told = json.loads(await socket.recv())
        [loan] = service.loans

    assert told["news"] == "there is no such order"
    assert str(loan.site) == f"workshop/websocket.py:{leak.line} follow_orders"
    assert loan.borrower
    assert loan.borrower.route == "/exercise/websocket/orders/live"


async def test_a_websocket_that_was_not_started_is_refused(
    service: Service,
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with service.socket("/exercise/websocket/orders/live"):
            pass

    answer = refused.value.response
    assert answer.status_code == 404
    assert b"workshop start websocket" in (answer.body or b"")


async def test_a_stream_is_served(service: Service) -> None:
    start(stream.lesson)

    answer = await service.client.get("/exercise/stream/orders/1/tracking")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: delivered\n\n")


async def test_its_errors_are_problem_details(service: Service) -> None:
    start(order_processor.lesson)

    answer = await service.client.post(
        "/exercise/order_processor/orders/97/process"
    )

    assert answer.status_code == 409
    assert answer.json()["title"] == "Empty order"


@pytest.mark.parametrize("lesson", [orders.lesson, kept_session.lesson])
async def test_a_reset_frees_what_an_exercise_has_leaked(
    service: Service, lesson: Lesson
) -> None:
    start(lesson)
    for scenario in lesson.scenarios[:2]:
        await service.client.get(f"/exercise/{lesson.name}{scenario.path}")
    await service.at_rest()
    assert service.loans

    await service.client.post("/lab/reset")

    assert not service.loans


KEEPS = """
from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import DatabaseDep

router = APIRouter()
KEPT = []


@router.get("/keep")
async def keep(database: DatabaseDep) -> int:
    session = AsyncSession(database.engine)
    await session.connection()
    KEPT.append(session)
    return len(KEPT)
"""


async def test_a_reset_frees_what_a_file_keeps(
    service: Service,
) -> None:
    save(orders.lesson, KEEPS)
    kept = [await ask(service, "/exercise/orders/keep") for _ in range(2)]

    await service.client.post("/lab/reset")

    assert not service.loans
    assert [*kept, await ask(service, "/exercise/orders/keep")] == [1, 2, 1]
    await service.client.post("/lab/reset")


async def ask(service: Service, path: str) -> object:
    answer = await service.client.get(path)
    await service.at_rest()
    return answer.json()


async def test_metrics_have_one_route_for_all_exercises(
    service: Service,
) -> None:
    start(analytics.lesson)
    await service.client.get("/exercise/analytics/analytics?since=2999-01-01")
    await service.client.get("/exercise/nowhere/at/all")

    text = (await service.client.get("/metrics")).text

    handlers = set(re.findall(r'handler="(/exercise[^"]*)"', text))
    assert handlers == {"/exercise/{lesson}/{rest:path}"}


async def test_with_the_lab_off_there_is_no_exercise(
    production: Service,
    folder: Path,  # noqa: ARG001 - entered when the service has its flags
) -> None:
    for lesson in LESSONS:
        start(lesson)

    answers = [
        await production.client.request(
            scenario.method if scenario.method != "WEBSOCKET" else "GET",
            f"/exercise/{lesson.name}{scenario.path}",
        )
        for lesson in LESSONS
        for scenario in lesson.scenarios
    ]
    answers.append(await production.client.get("/exercise/orders"))

    assert {answer.status_code for answer in answers} == {404}
    assert {type_of(answer) for answer in answers} == {"Not Found"}


def type_of(answer: httpx.Response) -> object:
    return answer.json()["title"]
