"""The command `load`: requests at a constant rate, to a running service."""

import json
import math
import signal
from dataclasses import asdict
from typing import Annotated

import typer
from yarl import URL

from app.api import SERVICE
from lab import run_async
from lab.lessons import named
from lab.load.arrivals import RequestResult, plan_arrivals, send_arrivals
from lab.load.tally import Tally


def _url(value: str) -> str:
    message = f"{value} is not a URL such as http://127.0.0.1:8000"
    try:
        url = URL(value)
    except ValueError as error:
        raise typer.BadParameter(message) from error
    is_origin = url.host and url.path == "/" and not url.query_string
    if url.scheme not in {"http", "https"} or not is_origin:
        raise typer.BadParameter(message)
    return value


def finite(value: float | None) -> float | None:
    """Refuse inf and nan, which a range of Typer's may let through."""
    if value is not None and not math.isfinite(value):
        message = f"{value} is not a number"
        raise typer.BadParameter(message)
    return value


def load(
    url: Annotated[
        str, typer.Argument(help="The service's URL.", callback=_url)
    ],
    lessons: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LESSON…]", help="Which; the write-up's three if none."
        ),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            min=0.1, max=10_000, callback=finite, help="Requests per second."
        ),
    ] = 40,
    seed: Annotated[
        int, typer.Option(help="The same seed sends the same requests.")
    ] = 1,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=86_400,
            callback=finite,
            help="How long; until Ctrl-C if not given.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=86_400,
            callback=finite,
            help="Seconds from its due time that a request may take.",
        ),
    ] = 10,
    *,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print each result as a line of JSON."),
    ] = False,
) -> None:
    """Send scenarios at a constant rate, whatever the service does.

    Paths carry no variant, so the flags decide which one responds.
    """
    if as_json:  # a reader such as `head` may close the pipe
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    tally = Tally()

    def record(result: RequestResult) -> None:
        tally.add(result)
        if as_json:
            print(json.dumps(asdict(result)), flush=True)

    arrivals = plan_arrivals(rate, seed, seconds, named(lessons) or SERVICE)
    try:
        run_async.run(send_arrivals(url, arrivals, record, timeout))
    finally:
        if not as_json:
            print(tally)
