"""The call site is the application's own line, found without keeping it."""

import gc
import json
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

from poolwatch.callsite import DEPTH, Stack, capture


def borrow() -> Stack:
    return capture()


def test_the_innermost_line_is_the_site() -> None:
    site = borrow().site

    assert site
    assert (site.file, site.function) == (__file__, "borrow")
    assert site.line == borrow.__code__.co_firstlineno + 1


def test_callers_follow_innermost_first() -> None:
    functions = [site.function for site in borrow().sites]

    assert functions[:2] == ["borrow", "test_callers_follow_innermost_first"]


def test_frames_of_libraries_are_left_out() -> None:
    stacks: list[Stack] = []

    json.loads("{}", object_hook=lambda _: stacks.append(borrow()))

    functions = [site.function for site in stacks[0].sites]
    here = "test_frames_of_libraries_are_left_out"
    assert functions[:3] == ["borrow", f"{here}.<locals>.<lambda>", here]
    assert not [s for s in stacks[0].sites if "json" in s.file]


def test_where_only_libraries_run_there_is_no_site() -> None:
    with ThreadPoolExecutor() as pool:
        stack = pool.submit(capture).result()

    assert stack.site is None


def test_goes_on_where_the_stack_ends() -> None:
    with ThreadPoolExecutor() as pool:
        stack = pool.submit(capture, sys._getframe()).result()

    assert stack.site
    assert stack.site.function == "test_goes_on_where_the_stack_ends"


def test_a_deep_stack_is_cut() -> None:
    def deep(levels: int) -> Stack:
        return deep(levels - 1) if levels else capture()

    assert len(deep(3 * DEPTH).sites) == DEPTH


def test_no_local_variable_is_kept_alive() -> None:
    class Session:
        pass

    def handler() -> tuple[Stack, weakref.ref[Session]]:
        session = Session()
        return capture(), weakref.ref(session)

    stack, session = handler()
    gc.collect()

    assert stack.frames
    assert session() is None


def test_is_written_as_terminals_link_it() -> None:
    site = borrow().site

    assert str(site) == (
        f"tests/poolwatch/test_callsite.py:{site and site.line} borrow"
    )
