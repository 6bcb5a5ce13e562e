"""Write the report: every file is made before any of them is replaced.

The folder keeps the report.json of the run before as previous.json.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.report.demo_run import DemoRun, to_json
from lab.report.page import page
from lab.report.plots import plots

JSON = "report.json"
PREVIOUS = "previous.json"
PAGE = "index.html"


def prepare_folder(folder: Path) -> None:
    """Make the folder, and try to write to it.

    Raises:
        OSError: the report could not be written there.

    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".new-", dir=folder):
        pass


def write(run: DemoRun, folder: Path, earlier: DemoRun | None) -> Path:
    """Write what was measured, and the pages; return the page's path.

    Raises:
        OSError: it could not be written.

    """
    files = _pages(run, earlier) | {JSON: to_json(run).encode()}
    _replace(files, folder)
    return folder / PAGE


def write_pages(run: DemoRun, folder: Path, earlier: DemoRun | None) -> Path:
    """Write the pages only; return the page's path.

    Raises:
        OSError: they could not be written.

    """
    _replace(_pages(run, earlier), folder)
    return folder / PAGE


def _pages(run: DemoRun, earlier: DemoRun | None) -> dict[str, bytes]:
    drawn = list(plots(run, earlier))
    html = page(run, drawn, earlier)
    return {f"{plot.name}.png": plot.png for plot in drawn} | {
        PAGE: html.encode()
    }


def _replace(files: Mapping[str, bytes], folder: Path) -> None:
    """Write beside, then rename: each file is the old one or the new."""
    with TemporaryDirectory(prefix=".new-", dir=folder) as beside:
        for name, content in files.items():
            Path(beside, name).write_bytes(content)
        if JSON in files and (folder / JSON).exists():
            (folder / JSON).replace(folder / PREVIOUS)
        for name in files:
            Path(beside, name).replace(folder / name)
