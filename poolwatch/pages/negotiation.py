"""A page as JSON, or as a table in plain text."""

from poolwatch.extras import extra
from poolwatch.pages import tables
from poolwatch.pages.models import LeaksPage, LoansPage

with extra("web"):
    from starlette.responses import PlainTextResponse, Response

JSON, TEXT = "application/json", "text/plain"


def in_form(page: LoansPage | LeaksPage, accept: str) -> Response:
    """Return JSON, unless `Accept` names text before it."""
    if not _prefers_text(accept):
        return Response(page.model_dump_json(), media_type=JSON)
    table = (
        tables.of_loans(page)
        if isinstance(page, LoansPage)
        else tables.of_leaks(page)
    )
    return PlainTextResponse(tables.plain(table))


def _prefers_text(accept: str) -> bool:
    named = [kind.split(";")[0].strip().lower() for kind in accept.split(",")]
    known = [kind for kind in named if kind in {JSON, TEXT}]
    return known[:1] == [TEXT]
