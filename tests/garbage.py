"""Python's garbage collector, switched off while a test counts."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ignored_warnings() -> Iterator[None]:
    """Let the drivers complain of what a test has leaked on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def without_collector() -> Iterator[None]:
    """Collect nothing unless the test says so: a leak stays a leak."""
    # A collection is quick if it skips what is here now. No unfreeze: after
    # one, Python would collect all of it again and again.
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        with ignored_warnings():
            gc.collect()
        gc.enable()
