"""How errors are answered: `application/problem+json`, whatever went wrong.

Bodies never carry SQL, addresses, secrets or stack traces.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database.pools import Database
from app.web.close_websocket import CloseWebSocket
from app.web.errors import Problem
from poolwatch import PoolExhausted, diagnose

logger = logging.getLogger(__name__)

RETRY_AFTER = "5"
"""Seconds a client should wait after 503."""
UNAVAILABLE = ("08", "53", "57")
"""SQLSTATE classes: connection, insufficient resources, intervention."""


def install(app: FastAPI) -> None:
    """Answer every error with problem details."""
    app.exception_handler(Problem)(_problem)
    app.exception_handler(RequestValidationError)(_bad_input)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(PoolExhausted)(_exhausted)
    app.exception_handler(DBAPIError)(_driver_error)
    for away in (
        # The database refuses, is out of reach, or does not answer in time:
        # over the network the service asks nobody else but the provider.
        OSError,
        asyncpg.InterfaceError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
    ):
        app.exception_handler(away)(_database_away)
    app.exception_handler(Exception)(_unexpected)
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


def _problem(_: Request, problem: Problem) -> JSONResponse:
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


def _bad_input(_: Request, error: RequestValidationError) -> JSONResponse:
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
        "message": found["msg"],
    }


def _http_error(_: Request, error: HTTPException) -> JSONResponse:
    phrase = HTTPStatus(error.status_code).phrase
    return _answer(
        error.status_code,
        phrase,
        error.detail,
        dict(error.headers or {}),
    )


def _exhausted(request: Request, error: PoolExhausted) -> JSONResponse:
    database: Database = request.state.database
    book = database.ledger.books[error.pool]
    verdict = diagnose(book, database.watchdog.lag)
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
