"""Which program listens on the port where an exercise is served."""

from typing import Literal

import httpx

from app.control.exercise_file import file_of, fingerprint_of
from app.lesson import Lesson

TIMEOUT = 3
"""Seconds."""


def port_owner(
    lesson: Lesson, port: int
) -> Literal["none", "this folder's service", "another program"]:
    """Request the exercise, and compare the file that is served."""
    url = f"http://127.0.0.1:{port}/exercise/{lesson.name}"
    try:
        answer = httpx.get(url, timeout=TIMEOUT, trust_env=False)
    except httpx.ConnectError:
        return "none"
    except httpx.HTTPError:
        return "another program"
    try:
        served = answer.json()["fingerprint"]
    except (ValueError, TypeError, LookupError):
        return "another program"
    if served == fingerprint_of(file_of(lesson)):
        return "this folder's service"
    return "another program"
