"""What can go wrong, as the caller is told: problem details (RFC 9457).

    Problem
    ├── OrderNotFound       404
    ├── EmptyOrder          409
    ├── TooManyDays         422
    └── Unauthorized        401     the lab's control endpoints

    poolwatch.PoolExhausted 503     no connection came free in time
    the database is away    503     refuses, closes, or ends what is asked
    anything else           500     the log has it, the body does not

Bodies never carry SQL, addresses, secrets or stack traces.
"""

import logging
from http import HTTPStatus
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from poolwatch import PoolExhausted

logger = logging.getLogger(__name__)

RETRY_AFTER = "5"
"""Seconds a client should wait after 503."""
UNAVAILABLE = ("08", "53", "57")
"""SQLSTATE classes: connection, insufficient resources, intervention."""


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An error that the caller can understand and act on."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    title = "Internal error"

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


class Unauthorized(Problem):
    """The lab's control endpoints want its token."""

    status = HTTPStatus.UNAUTHORIZED
    title = "Unauthorized"

    def __init__(self) -> None:
        """Say which token."""
        super().__init__("Send the lab's token: Authorization: Bearer …")


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


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe error responses to OpenAPI, for a route's `responses`."""
    body = {
        "application/problem+json": {
            "schema": ProblemDetails.model_json_schema()
        }
    }
    return {
        status: {"description": HTTPStatus(status).phrase, "content": body}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Answer every error with problem details."""
    app.exception_handler(Problem)(_problem)
    app.exception_handler(RequestValidationError)(_bad_input)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(PoolExhausted)(_exhausted)
    app.exception_handler(DBAPIError)(_driver_error)
    for away in (
        # What this service reaches over the network is its database alone,
        # so an error of the network is the database's.
        OSError,
        asyncpg.InterfaceError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
    ):
        app.exception_handler(away)(_database_away)
    app.exception_handler(Exception)(_unexpected)


def _answer(
    status: int,
    title: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **members: Any,  # noqa: ANN401
) -> JSONResponse:
    return JSONResponse(
        {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            **members,
        },
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


def _problem(_: Request, problem: Problem) -> JSONResponse:
    headers = None
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer"}
    return _answer(
        problem.status,
        problem.title,
        problem.detail,
        headers,
        **problem.members,
    )


def _bad_input(_: Request, error: RequestValidationError) -> JSONResponse:
    errors = [
        {
            "field": ".".join(str(part) for part in found["loc"]),
            "message": found["msg"],
        }
        for found in error.errors()
    ]
    fields = ", ".join(found["field"] for found in errors)
    return _answer(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Bad input",
        f"Wrong: {fields}.",
        errors=errors,
    )


def _http_error(_: Request, error: HTTPException) -> JSONResponse:
    phrase = HTTPStatus(error.status_code).phrase
    return _answer(
        error.status_code,
        phrase,
        error.detail,
        dict(error.headers or {}),
    )


def _exhausted(request: Request, error: PoolExhausted) -> JSONResponse:
    logger.warning("503 %s: %s", request.url.path, error)
    return _unavailable(
        "Connection pool exhausted",
        f"No connection of the {error.pool} pool came free in time.",
    )


def _driver_error(request: Request, error: DBAPIError) -> JSONResponse:
    """Tell a database that cannot answer from a statement that is wrong."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if (
        error.connection_invalidated
        or isinstance(error, (OperationalError, InterfaceError))
        or state[:2] in UNAVAILABLE
    ):
        return _database_away(request, error)
    logger.error("500 %s", request.url.path, exc_info=error)
    return _unexpected(request, error)


def _database_away(request: Request, error: Exception) -> JSONResponse:
    logger.error("503 %s: %s", request.url.path, type(error).__qualname__)
    return _unavailable(
        "Database unavailable", "The database cannot answer now."
    )


def _unavailable(title: str, detail: str) -> JSONResponse:
    return _answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        title,
        detail,
        {"Retry-After": RETRY_AFTER},
    )


def _unexpected(_: Request, __: Exception) -> JSONResponse:
    return _answer(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Internal error",
        "Something went wrong here; the service's log has it.",
    )
