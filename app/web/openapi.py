"""What FastAPI does not say of this service in its OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from app.web.errors import REFERENCE, ProblemDetails

EVENTS = {
    "itemSchema": {
        "type": "object",
        "properties": {"data": {"type": "string"}},
        "required": ["data"],
    }
}
"""A stream of server-sent events, in the words of OpenAPI 3.2 and FastAPI."""


def describe(app: FastAPI) -> None:
    """Add the schemas of errors and of events to the document."""
    describe_routes = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe_routes()
        problem = ProblemDetails.model_json_schema(ref_template=REFERENCE)
        schemas = problem.pop("$defs") | {ProblemDetails.__name__: problem}
        document["components"]["schemas"] |= schemas
        for content in _contents(document):
            if "text/event-stream" in content:
                content["text/event-stream"] = EVENTS
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _contents(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                yield response.get("content", {})
