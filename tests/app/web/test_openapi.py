"""The document describes every route, response and error."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.api import LESSONS
from app.lesson import Scenario
from app.main import create_app
from app.settings import Settings
from tests.conftest import TOKEN

PROBLEM = "application/problem+json"


def document_of(*, lab_enabled: bool) -> dict[str, Any]:
    """What a service describes of itself."""
    settings = Settings(
        database_url="postgresql://nobody@nowhere/nothing",
        lab_enabled=lab_enabled,
        lab_token=TOKEN,
    )
    return create_app(settings).openapi()


DOCUMENT = document_of(lab_enabled=True)

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
    problem = {"$ref": "#/components/schemas/ProblemDetails"}
    for name, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            if status >= "400":
                content = {PROBLEM: {"schema": problem}}
                assert response["content"] == content, (name, status)


def references(node: object) -> Iterator[str]:
    """Each `$ref` of the document, however deep."""
    match node:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


@pytest.mark.parametrize("lab_enabled", [True, False])
def test_every_reference_leads_to_a_schema(
    lab_enabled: bool,  # noqa: FBT001
) -> None:
    document = document_of(lab_enabled=lab_enabled)
    found = set(references(document))

    assert "#/components/schemas/FieldError" in found
    for reference in found:
        assert reference.startswith("#/"), reference
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert "type" in node


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
        ("/orders", "post", "400"),
        ("/orders", "post", "413"),
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
        ("/lab/flags/{lesson}", "put", "400"),
        ("/lab/gc", "put", "400"),
        ("/lab/provider", "put", "413"),
        ("/lab/orders", "put", "400"),
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
