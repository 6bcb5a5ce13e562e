"""Where a trainee works: `workshop/LESSON.py`, below the current folder."""

from hashlib import sha256
from pathlib import Path

from app.lesson import Lesson

FOLDER = Path("workshop")
"""Where the exercises are: below the folder that a command is run in."""


def file_of(lesson: Lesson) -> Path:
    """Where the trainee works on a lesson."""
    return FOLDER / f"{lesson.name}.py"


def fingerprint_of(file: Path) -> str:
    """Tell a file from one of the same name in another folder.

    The service shows this instead of the absolute path.
    """
    return sha256(bytes(file.absolute())).hexdigest()[:16]
