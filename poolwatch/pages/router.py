"""Routes to mount: the open loans, and the latest findings.

    process = ThisProcess()
    app.include_router(router(lambda: process))

They show code, queries and request ids: protect them as the service's other
internal routes. They use no watched pool.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from poolwatch.extras import extra
from poolwatch.pages.models import LeaksPage, LoansPage, PageSource
from poolwatch.pages.negotiation import JSON, TEXT, in_form

with extra("web"):
    from fastapi import APIRouter, Depends, Request, Response

ALSO_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, or a table where `Accept` prefers plain text",
        "content": {TEXT: {"schema": {"type": "string"}}},
    }
}


def router(
    get_source: Callable[..., PageSource | Awaitable[PageSource]],
) -> APIRouter:
    """Make the routes.

    Args:
        get_source: a FastAPI dependency that returns the source of the pages.

    """
    routes = APIRouter(prefix="/poolwatch", tags=["poolwatch"])

    @routes.get("/loans", response_model=LoansPage, responses=ALSO_TEXT)
    async def list_loans(
        source: Annotated[PageSource, Depends(get_source)],
        request: Request,
    ) -> Response:
        """Show each open loan, each pool, and why borrowers wait."""
        return in_form(
            await source.loans(), request.headers.get("accept", JSON)
        )

    @routes.get("/leaks", response_model=LeaksPage, responses=ALSO_TEXT)
    async def list_leaks(
        source: Annotated[PageSource, Depends(get_source)],
        request: Request,
    ) -> Response:
        """Show the lines that leak, and each recent finding."""
        return in_form(
            await source.leaks(), request.headers.get("accept", JSON)
        )

    return routes
