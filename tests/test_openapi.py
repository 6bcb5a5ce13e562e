"""The document describes every route, every answer and every error."""

import re
from typing import Any

import pytest

from app.api import LESSONS
from app.lesson import Scenario
from app.main import create_app
from app.settings import Settings
from tests.conftest import TOKEN

PROBLEM = "application/problem+json"

DOCUMENT: dict[str, Any] = create_app(
    Settings(
        database_url="postgresql://nobody@nowhere/nothing",
        lab_enabled=True,
        lab_token=TOKEN,
    )
).openapi()

OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
LESSON_OPERATIONS = {
    name: operation
    for name, operation in OPERATIONS.items()
    if operation["tags"][0] in {lesson.name for lesson in LESSONS}
}

SCENARIOS = {
    f"{lesson.name}: {scenario.name}": scenario
    for lesson in LESSONS
    for scenario in lesson.scenarios
    if scenario.method != "WEBSOCKET"  # OpenAPI has no words for it
}

each_operation = pytest.mark.parametrize(
    "operation", OPERATIONS.values(), ids=OPERATIONS.keys()
)
each_lesson_operation = pytest.mark.parametrize(
    "operation", LESSON_OPERATIONS.values(), ids=LESSON_OPERATIONS.keys()
)


def test_a_lesson_is_there_as_itself_before_and_after() -> None:
    for scenario in SCENARIOS.values():
        for prefix in ("", "/before", "/after"):
            assert operation_of(scenario, prefix)


@each_operation
def test_says_what_it_does(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"].endswith(".")


def test_no_two_operations_have_the_same_id() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(ids) == len(set(ids))


@each_lesson_operation
@pytest.mark.parametrize("status", ["422", "503"])
def test_every_lesson_may_refuse_and_may_be_unavailable(
    operation: dict[str, Any], status: str
) -> None:
    assert status in operation["responses"]


@each_operation
def test_every_error_is_described_as_a_problem(
    operation: dict[str, Any],
) -> None:
    for status, response in operation["responses"].items():
        if status >= "400":
            assert list(response["content"]) == [PROBLEM]
            properties = response["content"][PROBLEM]["schema"]["properties"]
            assert {"type", "title", "status", "detail"} <= properties.keys()


@each_operation
def test_every_success_is_described(operation: dict[str, Any]) -> None:
    [success] = [
        response
        for status, response in operation["responses"].items()
        if status < "400"
    ]

    assert success["content"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/orders/{order_id}", "get", "404"),
        ("/orders/{order_id}/process", "post", "404"),
        ("/orders/{order_id}/process", "post", "409"),
        ("/before/orders/{order_id}/delivery", "get", "504"),
        ("/before/orders/{order_id}/location", "get", "504"),
        ("/before/orders/{order_id}/packing-list", "get", "504"),
        ("/after/guests/offers", "get", "504"),
        ("/readyz", "get", "503"),
        ("/lab/reset", "post", "401"),
        ("/lab/flags", "get", "409"),
        ("/lab/flags/{lesson}", "put", "404"),
    ],
)
def test_a_route_declares_its_own_errors(
    path: str, method: str, status: str
) -> None:
    assert status in DOCUMENT["paths"][path][method]["responses"]


def operation_of(scenario: Scenario, prefix: str) -> dict[str, Any]:
    """The operation that a scenario's request is for."""
    path = prefix + scenario.path.partition("?")[0]
    [operations] = [
        operations
        for template, operations in DOCUMENT["paths"].items()
        if re.fullmatch(re.sub(r"{\w+}", r"\\d+", template), path)
    ]
    operation: dict[str, Any] = operations[scenario.method.lower()]
    return operation


def declared(scenario: Scenario, prefix: str, status: int) -> set[str]:
    """The content types that the document declares for this status."""
    responses = operation_of(scenario, prefix)["responses"]
    return set(responses[str(int(status))]["content"])
