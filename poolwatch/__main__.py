"""The command line: `python -m poolwatch top URL`."""

import sys
from contextlib import suppress
from typing import Annotated

from poolwatch.extras import extra

try:
    with extra("cli"):
        import httpx
        import typer
        from rich.console import Console
        from rich.live import Live

        from poolwatch.pages.top import (
            RESPONSE_SECONDS,
            NoPagesError,
            PagesClient,
        )
except ModuleNotFoundError as missing:
    sys.exit(str(missing))

cli = typer.Typer(no_args_is_help=True, add_completion=False)


@cli.callback()
def main() -> None:
    """Show which line holds each database connection, and since when."""


def _url(text: str) -> httpx.URL:
    try:
        return httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL as error:
        raise typer.BadParameter(str(error)) from error


def _token(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise typer.BadParameter("A header takes printable ASCII alone")
    return text


@cli.command()
def top(
    url: Annotated[
        httpx.URL,
        typer.Argument(
            metavar="URL",
            parser=_url,
            help="A service with poolwatch's routes, or its thread's port:"
            " http://127.0.0.1:8000",
        ),
    ],
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            parser=_token,
            envvar="POOLWATCH_TOKEN",
            help="Bearer token, if the routes require one.",
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two updates.")
    ] = 2.0,
    *,
    once: Annotated[
        bool,
        typer.Option("--once", help="Print once; exit 1 without a response."),
    ] = False,
) -> None:
    """Show a service's pools, loans and findings, until Ctrl-C."""
    console = Console()
    with httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=RESPONSE_SECONDS,
    ) as client:
        pages = PagesClient(client)
        if once:
            try:
                console.print(pages.show())
            except NoPagesError as error:
                typer.echo(f"{pages.address}: {error}", err=True)
                raise typer.Exit(1) from error
            return
        with (
            suppress(KeyboardInterrupt),
            Live(console=console, screen=True, auto_refresh=False) as live,
        ):
            for frame in pages.show_forever(interval):
                live.update(frame, refresh=True)


if __name__ == "__main__":
    cli(prog_name="python -m poolwatch")
