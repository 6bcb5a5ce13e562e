"""The extras of the distribution: packages that some modules need."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Name the extra to install where an import in the block fails.

    Raises:
        ModuleNotFoundError: with the command that installs the extra.

    """
    try:
        yield
    except ModuleNotFoundError as missing:
        message = (
            f'{missing.name} is not installed: pip install "poolwatch[{name}]"'
        )
        raise ModuleNotFoundError(message, name=missing.name) from None
