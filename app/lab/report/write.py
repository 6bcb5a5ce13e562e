from pathlib import Path
from app.lab.report.record import Record, to_json


def write(record: Record, folder: Path, earlier: Record | None) -> Path:
    (folder / "report.json").write_text(to_json(record))
    return folder / "report.json"


def write_pages(record: Record, folder: Path, earlier: Record | None) -> Path:
    return folder
