"""Write the report: all of it is made before anything there is replaced.

The folder is overwritten, but for the report.json of the run before, which
stays as previous.json. Whoever wants to keep more takes a copy: one file has
everything.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.report.page import page
from lab.report.plots import plots
from lab.report.record import Record, to_json

JSON = "report.json"
PREVIOUS = "previous.json"
PAGE = "index.html"


def write(record: Record, folder: Path, earlier: Record | None) -> Path:
    """Write what was measured, and the pages; answer where to look.

    Raises:
        OSError: it could not be written.

    """
    files = _pages(record, earlier) | {JSON: to_json(record).encode()}
    _put(files, folder)
    return folder / PAGE


def write_pages(record: Record, folder: Path, earlier: Record | None) -> Path:
    """Write the pages alone; answer where to look.

    Raises:
        OSError: they could not be written.

    """
    _put(_pages(record, earlier), folder)
    return folder / PAGE


def _pages(record: Record, earlier: Record | None) -> dict[str, bytes]:
    drawn = list(plots(record, earlier))
    html = page(record, drawn, earlier)
    images = {f"{plot.name}.png": plot.png for plot in drawn}
    return images | {PAGE: html.encode()}


def _put(files: Mapping[str, bytes], folder: Path) -> None:
    """Write beside, then rename: each file is the old one or the new."""
    with TemporaryDirectory(prefix=".new-", dir=folder) as beside:
        for name, content in files.items():
            Path(beside, name).write_bytes(content)
        if JSON in files and (folder / JSON).exists():
            (folder / JSON).replace(folder / PREVIOUS)
        for name in files:
            Path(beside, name).replace(folder / name)
