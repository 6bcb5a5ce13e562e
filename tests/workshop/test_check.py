"""Each exercise fails unsolved, for its card's reason; solutions pass."""

import re
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import pytest

from app import analytics, orders
from app.api import LESSONS
from app.lesson import Block, Lesson, LongHold, Scenario, Starvation
from app.lessons import row_lock, stream, websocket
from lab import child
from lab.service import ServiceFailedError
from lab.workshop import check
from lab.workshop.exercise import exercise_of, solution_of
from lab.workshop.probes import REQUESTS
from lab.workshop.result import FlawKind
from tests.workshop.conftest import Bench, bench, slow_unless_chosen

each_lesson = pytest.mark.parametrize(
    "lesson",
    [
        pytest.param(each, id=each.name, marks=slow_unless_chosen(each.name))
        for each in LESSONS
    ],
)


@each_lesson
def test_the_exercise_fails_for_the_reason_that_its_card_states(
    hasty: Bench, lesson: Lesson
) -> None:
    exercise = exercise_of(lesson)

    verdict = hasty.verdict(lesson, exercise.text)

    assert not verdict.solved
    found = {
        result.name: result.flaw.kind
        for result in verdict.results
        if result.flaw
    }
    if lesson.name == "sync_in_async":  # its waits block the event loop
        assert found == {"other requests are served": "blocks the event loop"}
        return
    assert found == {
        scenario.name: kind
        for scenario in lesson.scenarios
        if (kind := stated(scenario))
    }
    lines = {
        int(site.partition(":")[2].split()[0])
        for flaw in verdict.flaws
        for site in flaw.sites
        if site.startswith(f"workshop/{lesson.name}.py:")
    }
    if "starves" not in found.values() and not lesson.scenarios[0].strays:
        assert lines == {leak.line for leak in exercise.leaks}


@pytest.mark.parametrize(
    "lesson", [orders.lesson, row_lock.lesson], ids=attrgetter("name")
)
def test_every_leak_is_counted(hasty: Bench, lesson: Lesson) -> None:
    """No garbage collection returns a connection between two requests."""
    leaking = {
        scenario.name: (scenario.leaks + scenario.strays) * REQUESTS
        for scenario in lesson.scenarios
        if stated(scenario) == "leaks"
    }

    verdict = hasty.verdict(lesson, exercise_of(lesson).text)

    assert {
        result.name: result.flaw.what
        for result in verdict.results
        if result.flaw and result.flaw.kind == "leaks"
    } == {
        name: f"{count} leaked by {REQUESTS} requests"
        for name, count in leaking.items()
    }


def stated(scenario: Scenario) -> FlawKind | None:
    """Return the kind of flaw that a scenario has before the fix."""
    match scenario:
        case LongHold():
            return "holds"
        case Starvation():
            return "starves"
        case Block():
            return "blocks"
    return "leaks" if scenario.leaks or scenario.strays else None


@each_lesson
def test_the_solution_passes(patient: Bench, lesson: Lesson) -> None:
    verdict = patient.verdict(lesson, solution_of(lesson))

    assert verdict.solved, verdict.flaws
    looked_at = {result.name for result in verdict.results}
    assert looked_at > {scenario.name for scenario in lesson.scenarios}


@pytest.mark.slow
def test_an_endless_loop_is_reported(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "REQUEST_SECONDS", 5)
    monkeypatch.setattr(child, "STOP_SECONDS", 1)
    lesson = orders.lesson
    text = re.sub(
        r"( +)(?=session = )",
        r"\1while True:\n\1    pass\n\1",
        exercise_of(lesson).text,
    )

    with (
        bench(server_url, tmp_path, 0.5) as frozen,
        pytest.raises(ServiceFailedError, match=r"orders\.py has stopped"),
    ):
        frozen.verdict(lesson, text)


NEWS = 'await socket.send_json(this | {"news": f"near {order.customer}"})'
CALL = "await carrier.call()"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lesson", "line", "instead"),
    [
        (websocket.lesson, NEWS, "pass"),
        (stream.lesson, CALL, f'while True: {CALL}; yield "data: near"'),
    ],
    ids=["nothing over a WebSocket", "a stream without an end"],
)
def test_an_endless_response_is_reported(
    server_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lesson: Lesson,
    line: str,
    instead: str,
) -> None:
    monkeypatch.setattr(check, "REQUEST_SECONDS", 5)
    one = replace(lesson, scenarios=lesson.scenarios[:1])

    with (
        bench(server_url, tmp_path, 0.5) as waiting,
        pytest.raises(ServiceFailedError, match="has not ended after 5 s"),
    ):
        waiting.verdict(one, solution_of(lesson).replace(line, instead))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('await socket.send_text("near")', "responded near, "),
        ("await socket.close()", "responded 500, expected 200"),
    ],
    ids=["no JSON", "nothing"],
)
def test_another_message_over_a_websocket_is_reported(
    hasty: Bench, line: str, what: str
) -> None:
    text = solution_of(websocket.lesson).replace(NEWS, line)

    verdict = hasty.verdict(websocket.lesson, text)

    assert [flaw for flaw in verdict.flaws if what in flaw.what]


def test_json_without_a_body_is_reported(hasty: Bench) -> None:
    text = solution_of(analytics.lesson).replace(
        "return [Day(**day) for day in days]",
        "from fastapi import Response\n"
        "    return Response(media_type='application/json')",
    )

    verdict = hasty.verdict(analytics.lesson, text)

    assert "responded nothing, expected [" in verdict.flaws[0].what


@pytest.mark.usefixtures("dead_proxy")
def test_no_proxy_is_used_for_this_machine(patient: Bench) -> None:
    text = solution_of(websocket.lesson)

    verdict = patient.verdict(websocket.lesson, text)

    assert verdict.solved, verdict.flaws
