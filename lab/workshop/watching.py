"""Come back each time a trainee's file was saved."""

from collections.abc import Iterator
from pathlib import Path

from watchfiles import Change, watch

DEBOUNCE = 400
"""Milliseconds: editors save in several steps, and those are one."""
TURN = 200
"""Milliseconds after which the watching has surely begun."""


def saved(file: Path) -> Iterator[None]:
    """Come at once, and then after each change of the file's text.

    What is saved while somebody is busy with the last change counts as well:
    the watching goes on meanwhile.
    """

    def is_it(_: Change, path: str) -> bool:
        return Path(path).name == file.name

    seen = None
    # The folder, and not the file: many editors put a new one in its place.
    for _ in watch(
        file.parent,
        watch_filter=is_it,
        debounce=DEBOUNCE,
        rust_timeout=TURN,
        yield_on_timeout=True,
        recursive=False,
    ):
        text = file.read_text() if file.exists() else None
        if text is not None and text != seen:
            seen = text
            yield
