"""A lesson's scenarios as lines to be pasted into a terminal."""

import json
from collections.abc import Iterator
from shlex import quote

from app.invocation import PYTHON
from app.lesson import Lesson, Scenario

TAB_SECONDS = 30
"""How long a WebSocket stays open, as somebody's tab does."""


def lines_for(lesson: Lesson, port: int) -> Iterator[str]:
    """Answer a line for each scenario, its name before it."""
    for scenario in lesson.scenarios:
        has_status = scenario.method != "WEBSOCKET"
        status = f": {int(scenario.status)}" if has_status else ""
        yield f"# {scenario.name}{status}"
        yield _line(scenario, f"127.0.0.1:{port}/exercise/{lesson.name}")


def _line(scenario: Scenario, prefix: str) -> str:
    url = prefix + scenario.path
    body = json.dumps(scenario.body)
    if scenario.method == "WEBSOCKET":
        # What is piped in goes out, and its end would close the WebSocket.
        tab = f"(echo {quote(body)}; sleep {TAB_SECONDS})"
        return f"{tab} | {PYTHON} -m websockets ws://{url}"
    method = "" if scenario.method == "GET" else f" -X {scenario.method}"
    # `--json` would say both; curl has it from 7.82 on.
    kind = " -H 'Content-Type: application/json'"
    data = f"{kind} -d {quote(body)}" if scenario.body else ""
    return f"curl{method}{data} {quote(url)}"
