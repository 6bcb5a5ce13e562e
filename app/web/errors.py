"""Errors that clients receive, as problem details (RFC 9457).

    Problem
    ├── OrderNotFound       404
    ├── EmptyOrder          409
    ├── TooManyDays         422
    ├── health.NotReady     503
    ├── flags.…             409
    ├── lessons.….…         403, 504
    └── control.….…         401, 404, 500

    poolwatch.PoolExhausted 503     no connection came free in time
    database.outage         503     the database cannot answer, or is busy
    body_limit              413     the body is larger than a megabyte
    anything else           500     a bug: the log has it, the body does not

`error_handlers` returns them.
"""

from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, Field


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An error that the caller can understand and act on."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    title = "Internal error"
    headers: ClassVar[dict[str, str] | None] = None

    def __init__(self, detail: str, **members: Any) -> None:  # noqa: ANN401
        """Say what is wrong, with further members for machines."""
        super().__init__(detail)
        self.detail = detail
        self.members = members


class OrderNotFound(Problem):
    """There is no such order."""

    status = HTTPStatus.NOT_FOUND
    title = "Order not found"

    def __init__(self, order_id: int) -> None:
        """Name the order."""
        super().__init__(f"There is no order {order_id}.")


class EmptyOrder(Problem):
    """An order without items cannot be processed."""

    status = HTTPStatus.CONFLICT
    title = "Empty order"

    def __init__(self, order_id: int) -> None:
        """Name the order."""
        super().__init__(f"Order {order_id} has no items to sum up.")


class TooManyDays(Problem):
    """The analytics of one request are limited to a year."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "Too many days"

    def __init__(self, most: int) -> None:
        """Name the limit, and the field to change."""
        message = f"At most {most} days can be asked for at once."
        super().__init__(
            message, errors=[{"field": "query.since", "message": message}]
        )


class FieldError(BaseModel):
    """One thing that is wrong with the input."""

    field: str = Field(examples=["query.limit"])
    message: str


class ProblemDetails(BaseModel):
    """The body of every error."""

    type: str = "about:blank"
    title: str = Field(examples=["Order not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no order 4711."])
    errors: list[FieldError] | None = Field(
        default=None, description="Where input was wrong (422)."
    )


REFERENCE = "#/components/schemas/{model}"
"""Where `openapi.describe` puts the schemas."""
BODY = {
    "application/problem+json": {
        "schema": {"$ref": REFERENCE.format(model=ProblemDetails.__name__)}
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe error responses to OpenAPI, for a route's `responses`."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": BODY}
        for status in statuses
    }
