"""A lesson's requests as lines to paste into a terminal.

A lesson that holds or starves shows its fault only while its requests wait.
So its lines first let them wait: for the silent provider, or for a table lock.
"""

import json
from collections.abc import Iterator
from shlex import quote

from app.invocation import PYTHON
from app.lesson import Lesson, Scenario, Starvation

WEBSOCKET_SECONDS = 30
"""How long a WebSocket stays open, like a tab of a browser."""
HOLDING, STARVING = 3, 60
"""Requests that wait at the same time: enough to see that each holds a
connection, and twice what the engine's pool has, so that they starve."""


def lines_for(lesson: Lesson, port: int) -> Iterator[str]:
    """Yield a comment and a command in turn; no command comes twice."""
    service = f"127.0.0.1:{port}"
    seen: set[str] = set()
    for scenario in lesson.scenarios:
        line = _line(scenario, f"{service}/exercise/{lesson.name}")
        if line in seen:
            continue
        seen.add(line)
        if scenario.method == "WEBSOCKET":  # it stays open by itself
            yield f"# {scenario.name}"
            yield line
            continue
        switch, wait, resume = _switch(scenario, service)
        if scenario.meet is None or resume in seen:
            yield f"# {scenario.name}: {int(scenario.status)}"
            yield line
        else:
            seen.add(resume)
            requests = STARVING if _starves(scenario) else HOLDING
            yield f"# {scenario.name}: let {requests} requests wait"
            yield (
                f"{switch} -d '{wait}'; for i in $(seq {requests}); do"
                f" {line} & done"
            )
            yield "# look at the loans, then let the requests continue"
            yield f"{switch} -d '{resume}'"


def _starves(scenario: Scenario) -> bool:
    return isinstance(scenario, Starvation)


def _switch(scenario: Scenario, service: str) -> tuple[str, str, str]:
    """The control endpoint that lets requests wait, and continue."""
    path, wait, resume = (
        ("orders", '{"locked": true}', '{"locked": false}')
        if scenario.meet == "orders"
        else ("provider", '{"answers": false}', '{"answers": true}')
    )
    switch = (
        'curl -X PUT -H "Authorization: Bearer $TOKEN"'
        f" -H 'Content-Type: application/json' {service}/lab/{path}"
    )
    return switch, wait, resume


def _line(scenario: Scenario, prefix: str) -> str:
    url = prefix + scenario.path
    body = json.dumps(scenario.body)
    if scenario.method == "WEBSOCKET":
        # The client closes the WebSocket when its standard input ends.
        tab = f"(echo {quote(body)}; sleep {WEBSOCKET_SECONDS})"
        return f"{tab} | {PYTHON} -m websockets ws://{url}"
    method = "" if scenario.method == "GET" else f" -X {scenario.method}"
    # `--json` would do both; curl has it from 7.82 on.
    kind = " -H 'Content-Type: application/json'"
    data = f"{kind} -d {quote(body)}" if scenario.body else ""
    stream = " -N" if scenario.meet == "provider" else ""
    return f"curl{stream}{method}{data} {quote(url)}"
