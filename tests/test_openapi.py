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

SCENARIOS = [
    scenario
    for lesson in LESSONS
    for scenario in lesson.scenarios
    if scenario.method != "WEBSOCKET"  # OpenAPI has no words for it
]


def test_a_lesson_has_its_own_path_and_one_of_each_variant() -> None:
    for scenario in SCENARIOS:
        for prefix in ("", "/before", "/after"):
            assert operation_of(scenario, prefix)


def test_each_operation_has_a_summary_and_a_description() -> None:
    for name, operation in OPERATIONS.items():
        assert operation["summary"], name
        assert operation["description"].endswith("."), name


def test_no_two_operations_have_the_same_id() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(ids) == len(set(ids))


def test_every_lesson_may_refuse_and_may_be_unavailable() -> None:
    assert LESSON_OPERATIONS
    for name, operation in LESSON_OPERATIONS.items():
        assert {"422", "503"} <= operation["responses"].keys(), name


def test_every_error_is_described_as_a_problem() -> None:
    for name, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            if status < "400":
                continue
            assert list(response["content"]) == [PROBLEM], (name, status)
            schema = response["content"][PROBLEM]["schema"]
            members = {"type", "title", "status", "detail"}
            assert members <= schema["properties"].keys(), (name, status)


def test_every_success_is_described() -> None:
    for name, operation in OPERATIONS.items():
        successes = [
            response
            for status, response in operation["responses"].items()
            if status < "400"
        ]
        assert len(successes) == 1, name
        assert successes[0]["content"], name


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
