"""How errors are answered: `application/problem+json`, whatever went wrong.

Bodies never carry SQL, addresses, secrets or stack traces.
"""

import asyncio
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
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database.outage import contention, outage
from app.database.pools import Database
from app.web.body_limit import BodyLimit
from app.web.close_websocket import CloseWebSocket
from app.web.errors import Problem, describe
from poolwatch import Book, PoolExhausted, activity, diagnose
from poolwatch.activity import Activity

logger = logging.getLogger(__name__)

RETRY_AFTER = "5"
"""Seconds a client should wait after 503."""
RETRY_SOON = "1"
"""The same, where it only has to wait for other requests."""


def install(app: FastAPI) -> None:
    """Answer every error with problem details."""
    describe(app)
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
    app.add_middleware(AnswerWhenStopped)


class AnswerWhenStopped:
    """Answer requests that the service's end cancels: 503, try elsewhere.

    The server cancels what has not ended when its grace is over, a request
    that waits for a leaked connection above all. Left alone, that is a 500
    and a stack trace for each.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer in the application's place if it is cancelled."""
        begun = False

        async def note_the_beginning(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, note_the_beginning)
        except asyncio.CancelledError:
            if begun or scope["type"] != "http":
                raise
            answer = _unavailable(
                "Shutting down", "The service ended before it could answer."
            )
            await answer(scope, receive, send)


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


async def _problem(_: Request, problem: Problem) -> JSONResponse:
    return answer_of(problem)


def answer_of(problem: Problem) -> JSONResponse:
    """Answer what the caller can understand."""
    return _answer(
        problem.status,
        problem.title,
        problem.detail,
        problem.headers,
        **problem.members,
    )


async def _bad_input(
    _: Request, error: RequestValidationError
) -> JSONResponse:
    errors = [_wrong_field(found) for found in error.errors()]
    fields = ", ".join(found["field"] for found in errors)
    return _answer(
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
    return _answer(status, status.phrase, error.detail, headers)


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
        verdict or "some have come back meanwhile",
    )
    return _unavailable(
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
        return _unavailable(
            "Database busy",
            "Other requests are using the same data.",
            RETRY_SOON,
        )
    if reason := outage(error):
        logger.error("503 %s: %s (%s)", request.url.path, reason, name)
        return _unavailable(
            "Database unavailable", "The database cannot answer now."
        )
    raise error


def _unavailable(
    title: str, detail: str, retry_after: str = RETRY_AFTER
) -> JSONResponse:
    return _answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        title,
        detail,
        {"Retry-After": retry_after},
    )


async def _unexpected(_: Request, __: Exception) -> JSONResponse:
    return _answer(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Internal error",
        "Something went wrong here; the service's log has it.",
        # The server closes the connection after an error that it logs. A
        # client that did not know would send its next request into the void.
        {"Connection": "close"},
    )
