"""Errors as responses: problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from app.web.errors import Problem

RETRY_AFTER = "5"
"""Seconds a client should wait after 503."""
RETRY_SOON = "1"
"""The same, where it only has to wait for other requests."""


def problem_response(
    status: int,
    title: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **members: Any,  # noqa: ANN401
) -> JSONResponse:
    """Make the response; `members` are further ones of its body."""
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


def response_of(problem: Problem) -> JSONResponse:
    """Make the response to an error that the client can act on."""
    return problem_response(
        problem.status,
        problem.title,
        problem.detail,
        problem.headers,
        **problem.members,
    )


def unavailable(
    title: str, detail: str, retry_after: str = RETRY_AFTER
) -> JSONResponse:
    """Make a 503 with Retry-After."""
    return problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE,
        title,
        detail,
        {"Retry-After": retry_after},
    )
