"""Routes to mount: who holds what now, and what was found lately.

    process = ThisProcess()
    app.include_router(router(lambda: process))

They show code, queries and request ids, so put them behind whatever guards
the service's other internals. They borrow from no watched pool.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from poolwatch.extras import extra
from poolwatch.pages.models import Leaks, Loans, Source
from poolwatch.pages.negotiation import JSON, TEXT, in_form

with extra("web"):
    from fastapi import APIRouter, Depends, Request, Response

ALSO_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, or a table where `Accept` prefers plain text",
        "content": {TEXT: {"schema": {"type": "string"}}},
    }
}


def router(get_source: Callable[..., Source | Awaitable[Source]]) -> APIRouter:
    """Make the routes.

    Args:
        get_source: a FastAPI dependency that answers whom to ask.

    """
    routes = APIRouter(prefix="/poolwatch", tags=["poolwatch"])

    @routes.get("/loans", response_model=Loans, responses=ALSO_TEXT)
    async def list_loans(
        source: Annotated[Source, Depends(get_source)],
        request: Request,
    ) -> Response:
        """Show each open loan, each pool, and why borrowers wait."""
        return in_form(
            await source.loans(), request.headers.get("accept", JSON)
        )

    @routes.get("/leaks", response_model=Leaks, responses=ALSO_TEXT)
    async def list_leaks(
        source: Annotated[Source, Depends(get_source)],
        request: Request,
    ) -> Response:
        """Show the lines that leak, and each recent finding."""
        return in_form(
            await source.leaks(), request.headers.get("accept", JSON)
        )

    return routes
