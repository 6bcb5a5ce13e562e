"""With the lab off no leaky code is reachable: by path, flag or header."""

import asyncio

import pytest
from fastapi.routing import APIRoute

from app.api import LESSONS
from app.control import routes as control
from app.flags import Flags
from app.settings import Settings
from tests.conftest import Service

AFTER = ["/orders", "/orders-alt", "/analytics?since=2999-01-01"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
BEFORE = [
    f"/before{scenario.path}"
    for lesson in LESSONS
    for scenario in lesson.scenarios
]
SOCKETS = [
    prefix + scenario.path
    for lesson in LESSONS
    for scenario in lesson.scenarios
    for prefix in ("", "/after")
    if scenario.method == "WEBSOCKET"
]
LAB = [
    route.path.format(lesson="orders")
    for route in control.router.routes
    if isinstance(route, APIRoute)
]


@pytest.mark.parametrize("method", METHODS)
async def test_leaks_and_control_endpoints_are_not_found(
    production: Service, method: str
) -> None:
    answers = {
        path: await production.client.request(method, path)
        for path in BEFORE + SOCKETS + LAB
    }

    assert {
        path: answer.status_code for path, answer in answers.items()
    } == dict.fromkeys(BEFORE + SOCKETS + LAB, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/%62efore/orders",
        "/before%2Forders",
        "/after/../before/orders",
        "/after/..%2Fbefore/orders",
        "/before/orders/",
        "/BEFORE/orders",
    ],
)
async def test_no_other_spelling_leads_there(
    production: Service, path: str
) -> None:
    answer = await production.client.get(path)

    assert answer.status_code == 404


async def test_openapi_does_not_name_them(production: Service) -> None:
    document = (await production.client.get("/openapi.json")).json()

    assert not [
        path
        for path in document["paths"]
        if path.startswith(("/before", "/lab"))
    ]
    assert "securitySchemes" not in document["components"]


async def test_openapi_names_them_in_the_lab(service: Service) -> None:
    document = (await service.client.get("/openapi.json")).json()

    assert {"/before/orders", "/lab/reset"} <= document["paths"].keys()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """All flags are *before*; production does not read them."""
    Flags(settings.flags_file).write(
        {lesson.name: "before" for lesson in LESSONS}
    )
    return settings


@pytest.mark.parametrize("path", AFTER)
async def test_flags_and_headers_have_no_effect(
    production: Service, path: str
) -> None:
    await production.client.get(path, headers={"x-user-id": "a user"})
    await production.at_rest()

    assert not production.loans


@pytest.mark.parametrize("path", AFTER)
async def test_in_the_lab_the_same_flags_lead_to_a_leak(
    service: Service, path: str
) -> None:
    async with asyncio.timeout(10):
        while not service.loans:  # until the flag file has been read
            await service.client.get(path, headers={"x-user-id": "a user"})
            await service.at_rest()

    [loan] = service.loans
    assert loan.borrower
    assert loan.borrower.name == f"GET /before{path.partition('?')[0]}"
