"""Where a trainee works: `workshop/LESSON.py`, below the current folder."""

from pathlib import Path

from app.lesson import Lesson

FOLDER = Path("workshop")
"""Where the exercises are: below the folder that a command is run in."""


def file_of(lesson: Lesson) -> Path:
    """Where the trainee works on a lesson."""
    return FOLDER / f"{lesson.name}.py"
