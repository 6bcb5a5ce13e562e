"""A page in the form that its reader wants: JSON, or a table as text."""

from poolwatch.extras import extra
from poolwatch.pages import tables
from poolwatch.pages.models import Leaks, Loans

with extra("web"):
    from starlette.responses import PlainTextResponse, Response

JSON, TEXT = "application/json", "text/plain"


def in_form(page: Loans | Leaks, accept: str) -> Response:
    """Answer JSON, unless `Accept` names text before it."""
    if not _prefers_text(accept):
        return Response(page.model_dump_json(), media_type=JSON)
    table = (
        tables.of_loans(page)
        if isinstance(page, Loans)
        else tables.of_leaks(page)
    )
    return PlainTextResponse(tables.plain(table))


def _prefers_text(accept: str) -> bool:
    named = [kind.split(";")[0].strip().lower() for kind in accept.split(",")]
    known = [kind for kind in named if kind in {JSON, TEXT}]
    return known[:1] == [TEXT]
