"""Who answers at the port where an exercise is to be served."""

from typing import Literal

import httpx

from app.control.exercise_file import file_of, fingerprint_of
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
        served = answer.json()["fingerprint"]
    except (ValueError, TypeError, LookupError):
        return "somebody else"
    if served == fingerprint_of(file_of(lesson)):
        return "this folder's service"
    return "somebody else"
