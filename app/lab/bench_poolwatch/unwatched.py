"""`python -m app …` with poolwatch's hands tied, for a comparison.

The service has no switch that takes poolwatch away, and this gives it none:
it starts the service as it is, where `poolwatch.watch` opens a book in which
nobody writes, no request is a borrower, and no watchdog looks.
"""

import runpy
from typing import Self
from unittest.mock import patch

from starlette.types import ASGIApp

import poolwatch
from poolwatch.uncounted import UncountedGauge


def open_empty_book(
    _: object, name: str, ledger: poolwatch.Ledger
) -> poolwatch.Book:
    """Stand in for `poolwatch.watch`."""
    gauge = UncountedGauge()
    book = gauge.book = ledger.open_book(name, gauge)
    return book


def pass_on(app: ASGIApp, _: poolwatch.Ledger) -> ASGIApp:
    """Stand in for `poolwatch.Middleware`."""
    return app


class Asleep(poolwatch.Watchdog):
    """Stands in for `poolwatch.Watchdog`."""

    def __enter__(self) -> Self:
        """Begin nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """End nothing."""


if __name__ == "__main__":
    with patch.multiple(
        poolwatch,
        watch=open_empty_book,
        Middleware=pass_on,
        Watchdog=Asleep,
    ):
        runpy.run_module("app", run_name="__main__", alter_sys=True)
