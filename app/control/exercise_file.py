"""The path of a trainee's file: `workshop/LESSON.py`."""

from hashlib import sha256
from pathlib import Path

from app.lesson import Lesson

FOLDER = Path("workshop")
"""Relative to the folder in which a command is run."""


def file_of(lesson: Lesson) -> Path:
    """Return the path of the file for a lesson."""
    return FOLDER / f"{lesson.name}.py"


def fingerprint_of(file: Path) -> str:
    """Return a hash of the absolute path.

    It tells files of the same name in two folders apart. The service shows it
    instead of the path, which is private.
    """
    return sha256(bytes(file.absolute())).hexdigest()[:16]
