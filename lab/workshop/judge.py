"""Check a trainee's file: send what failed *before*, and say what is wrong.

A service that the check starts serves the file at `/exercise/LESSON/…`. The
exercise is solved when the file responds and writes as *after* does, leaves no
connection checked out, held or blocked, bounds its waits, opens no extra
connections, and does not block the event loop.
"""

from collections.abc import Callable
from dataclasses import replace

from app.lesson import Scenario
from lab.check.faults import Fault, FaultCount, provoke
from lab.check.observe import control
from lab.workshop.clues import Clues
from lab.workshop.probes import AT_ONCE, NOT_THERE, REQUESTS, Probes
from lab.workshop.reasons import reason_for
from lab.workshop.result import CheckResult, Flaw, FlawKind, StepResult

KINDS: dict[Fault, FlawKind] = {
    "leaked": "leaks",
    "held": "holds",
    "timed out": "starves",
    "blocked": "blocks",
}
OUTDATED = Flaw(
    "broken",
    "saved during the check",
    "Some of this is about the file as it was before: check it again.",
)


async def judge(probes: Probes, report: Callable[[str], None]) -> CheckResult:
    """Check the file as it is now, step by step.

    Args:
        probes: the steps, for this lesson and its service.
        report: called with the name of each step before it begins.

    Raises:
        httpx.HTTPError: the service itself has ended.

    """
    lesson = probes.lesson
    await control(probes.client, "PUT", "/lab/gc", {"enabled": False})
    await probes.clean()
    broken = await probes.broken()
    if broken:
        return CheckResult(lesson.name, (StepResult("the file", broken),))
    try:
        clues = Clues.of(lesson)
    except SyntaxError:  # it was saved since it was loaded
        return CheckResult(lesson.name, (StepResult("the file", OUTDATED),))
    unlike = {}
    for scenario in lesson.scenarios:
        report(scenario.name)
        unlike[scenario.name] = await probes.unlike(scenario)
    report("does it block other requests?")
    stops = await probes.stops_the_loop(clues)
    faults = {}
    for scenario in lesson.scenarios:
        # A blocked event loop blocks the lab's own endpoints as well.
        if not (stops or unlike[scenario.name]):
            report(f"{scenario.name}, {REQUESTS} times")
            faults[scenario.name] = await _provoke(probes, scenario)
    clues = replace(clues, faults=_counts(faults))
    results = [
        StepResult(name, finding or _finding(faults[name], clues))
        for name, finding in unlike.items()
        if finding or name in faults
    ]
    results.append(StepResult("other requests are served", stops))
    bound = probes.unbounded(clues)
    if bound:
        results.append(StepResult("every wait has a bound", bound))
    if not stops and not any(clues.faults.values()):
        report("does it open extra connections?")
        churns = await probes.churns(clues)
        results.append(StepResult("the pool's connections are reused", churns))
    if clues.is_outdated:
        results.append(StepResult("the file", OUTDATED))
    return CheckResult(lesson.name, tuple(results))


def _counts(faults: dict[str, FaultCount | Flaw]) -> dict[str, int]:
    return {
        name: found.count
        for name, found in faults.items()
        if isinstance(found, FaultCount)
    }


async def _provoke(probes: Probes, scenario: Scenario) -> FaultCount | Flaw:
    # A task of an earlier request could still call the provider.
    await (probes.reset if scenario.meet else probes.clean)()
    try:
        return await provoke(
            probes.client, probes.target, scenario, REQUESTS, AT_ONCE
        )
    except NOT_THERE as error:
        await probes.reset()
        return Flaw(
            "responds differently",
            str(error) or type(error).__name__,
            "Many of these requests at once do not end as with *after*.",
        )


def _finding(found: FaultCount | Flaw, clues: Clues) -> Flaw | None:
    if not isinstance(found, FaultCount):
        return found
    if not found.count:
        return None
    kind = KINDS[found.fault]
    return Flaw(kind, str(found), reason_for(kind, clues), found.sites)
