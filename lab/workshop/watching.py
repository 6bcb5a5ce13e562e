"""Wait for a trainee's file to be saved."""

from collections.abc import Iterator
from pathlib import Path

from watchfiles import Change, watch

DEBOUNCE = 400
"""Milliseconds: an editor saves in several steps, which count as one."""
POLL = 200
"""Milliseconds between two looks at the file itself."""


def saved(file: Path) -> Iterator[None]:
    """Yield at once, and then after each change of the file's text.

    A change during the caller's work counts as well.
    """

    def is_it(_: Change, path: str) -> bool:
        return Path(path).name == file.name

    seen = None
    # Watch the folder: many editors replace the file by a new one.
    for _ in watch(
        file.parent,
        watch_filter=is_it,
        debounce=DEBOUNCE,
        rust_timeout=POLL,
        yield_on_timeout=True,
        recursive=False,
    ):
        text = file.read_text() if file.exists() else None
        if text is not None and text != seen:
            seen = text
            yield
