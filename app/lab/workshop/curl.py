"""A lesson's scenarios as lines to be pasted into a terminal."""

import json
from collections.abc import Iterator
from shlex import quote

from app.lesson import Lesson, Scenario


def lines_for(lesson: Lesson, port: int) -> Iterator[str]:
    """Answer a line for each scenario, its name before it."""
    for scenario in lesson.scenarios:
        yield f"# {scenario.name}: {int(scenario.status)}"
        yield _line(scenario, f"127.0.0.1:{port}/exercise/{lesson.name}")


def _line(scenario: Scenario, prefix: str) -> str:
    url = prefix + scenario.path
    body = json.dumps(scenario.body)
    if scenario.method == "WEBSOCKET":
        return f"echo {quote(body)} | websockets ws://{url}"
    method = "" if scenario.method == "GET" else f" -X {scenario.method}"
    # `--json` would say both; curl has it from 7.82 on.
    kind = " -H 'Content-Type: application/json'"
    data = f"{kind} -d {quote(body)}" if scenario.body else ""
    return f"curl{method}{data} {quote(url)}"
