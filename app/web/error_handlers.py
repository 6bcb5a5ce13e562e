"""The response to each error: `application/problem+json`.

Bodies never carry SQL, addresses, secrets or stack traces.
"""

import logging
from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from typing import Any

import asyncpg
import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.database.outage import contention, outage
from app.database.pools import Database
from app.web.body_limit import BodyLimit
from app.web.close_websocket import CloseWebSocket
from app.web.errors import Problem
from app.web.last_resort import LastResort
from app.web.responses import (
    RETRY_SOON,
    problem_response,
    response_of,
    unavailable,
)
from poolwatch import Book, PoolExhausted, activity, diagnose
from poolwatch.activity import Activity

logger = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Return problem details for every error."""
    app.exception_handler(Problem)(_problem)
    app.exception_handler(RequestValidationError)(_bad_input)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(PoolExhausted)(_exhausted)
    for away in (
        DBAPIError,
        DisconnectionError,
        PoolTimeoutError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        psycopg.Error,
        OSError,
        RuntimeError,
    ):
        app.exception_handler(away)(_database_error)
    app.exception_handler(Exception)(_unexpected)
    app.add_middleware(BodyLimit)
    app.add_middleware(CloseWebSocket)
    app.add_middleware(LastResort)


async def _problem(request: Request, problem: Problem) -> JSONResponse:
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning(
            "%d %s: %s", problem.status, request.url.path, problem.detail
        )
    return response_of(problem)


async def _bad_input(
    _: Request, error: RequestValidationError
) -> JSONResponse:
    errors = [_wrong_field(found) for found in error.errors()]
    fields = ", ".join(found["field"] for found in errors)
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Bad input",
        f"Wrong: {fields}.",
        errors=errors,
    )


def _wrong_field(found: dict[str, Any]) -> dict[str, str]:
    if found["type"] == "json_invalid":  # no field: `loc` ends in a position
        reason = found["ctx"]["error"]
        place = f"at character {found['loc'][-1]}"
        return {"field": "body", "message": f"No JSON: {reason}, {place}"}
    return {
        "field": ".".join(str(part) for part in found["loc"]),
        "message": found["msg"].removeprefix("Value error, "),
    }


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette names the methods of the first route with this path.
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return problem_response(status, status.phrase, error.detail, headers)


def _allowed_methods(request: Request) -> list[str]:
    """List the methods that a route of this path has."""
    routes = request.app.router.routes
    return [
        method
        for method in HTTPMethod
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in routes
        )
    ]


async def _exhausted(request: Request, error: PoolExhausted) -> JSONResponse:
    database: Database = request.state.database
    book = database.ledger.books[error.pool]
    seen = await _activity_of_holders(database, book)
    verdict = diagnose(book, database.watchdog.lag, seen)
    logger.warning(
        "503 %s: %s; %s",
        request.url.path,
        error,
        verdict or "some are back in the pool again",
    )
    return unavailable(
        "Connection pool exhausted",
        f"No connection of the {error.pool} pool came free in time.",
    )


async def _activity_of_holders(
    database: Database, book: Book
) -> Mapping[int, Activity] | None:
    """Ask the server what a pool's connections do; None where it is silent."""
    if not book.knows_backends:
        return None
    pids = [loan.pid for loan in list(book.loans.values()) if loan.pid]
    try:
        rows = await database.monitor.fetch(activity.QUERY, pids)
    except (OSError, asyncpg.PostgresError):
        return None
    return activity.by_pid(map(dict, rows))


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    """Return 503 for what is none of ours; the rest is a bug, and 500."""
    name = type(error).__qualname__
    if reason := contention(error):
        logger.warning("503 %s: %s (%s)", request.url.path, reason, name)
        return unavailable(
            "Database busy",
            "Other requests are using the same data.",
            RETRY_SOON,
        )
    if reason := outage(error):
        logger.error("503 %s: %s (%s)", request.url.path, reason, name)
        return unavailable(
            "Database unavailable", "The database cannot answer now."
        )
    raise error


async def _unexpected(_: Request, __: Exception) -> JSONResponse:
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Internal error",
        "Something went wrong here; the service's log has it.",
        # The server closes the connection after this error. A client that
        # keeps it alive would lose its next request.
        {"Connection": "close"},
    )
