"""Wait for a condition, for a bounded time."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.02


def wait_until(holds: Callable[[], object], seconds: float, what: str) -> None:
    """Poll a condition until it is true.

    Args:
        holds: the condition.
        seconds: how long to wait at most.
        what: the condition in words, for the error.

    Raises:
        TimeoutError: the condition is still false.

    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            message = f"{what} took more than {seconds:g} s"
            raise TimeoutError(message)
        time.sleep(POLL_SECONDS)
