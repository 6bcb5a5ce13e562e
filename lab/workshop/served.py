"""Who answers at the port where an exercise is to be served."""

from pathlib import Path
from typing import Literal

import httpx

from app.control.exercise_file import file_of
from app.lesson import Lesson

SECONDS = 3


def who_serves(
    lesson: Lesson, port: int
) -> Literal["nobody", "this folder's service", "somebody else"]:
    """Ask for the exercise, and see which file it is."""
    url = f"http://127.0.0.1:{port}/exercise/{lesson.name}"
    try:
        answer = httpx.get(url, timeout=SECONDS, trust_env=False)
    except httpx.ConnectError:
        return "nobody"
    except httpx.HTTPError:
        return "somebody else"
    try:
        served = answer.json()["file"]
    except (ValueError, TypeError, LookupError):
        return "somebody else"
    if Path(served) == file_of(lesson).absolute():
        return "this folder's service"
    return "somebody else"
