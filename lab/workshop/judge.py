"""Check a trainee's file: send what failed *before*, and say what is wrong.

The file answers at `/exercise/LESSON/…` of a service of the check's own. It
is solved where it answers, and writes, what *after* does; leaves nothing
lent, held, waiting or blocked; opens no connections of its own; and lets
other requests run meanwhile.
"""

from collections.abc import Callable
from dataclasses import replace

from app.lesson import Scenario
from lab.check.faults import Fault, Found, provoke
from lab.check.observe import control
from lab.workshop.clues import Clues
from lab.workshop.explain import explain
from lab.workshop.probes import AT_ONCE, NOT_THERE, REQUESTS, Probes
from lab.workshop.verdict import Finding, Kind, Result, Verdict

KINDS: dict[Fault, Kind] = {
    "leaked": "leaks",
    "held": "holds",
    "timed out": "starves",
    "blocked": "blocks",
}
OUTDATED = Finding(
    "broken",
    "saved while it was checked",
    "Some of this is about the file as it was: check it again.",
)


async def judge(probes: Probes, report: Callable[[str], None]) -> Verdict:
    """Look at the file as it is now, one thing after the other.

    Args:
        probes: of the lesson and its service.
        report: is told what is looked at next.

    Raises:
        httpx.HTTPError: the service itself has gone.

    """
    lesson = probes.lesson
    await control(probes.client, "PUT", "/lab/gc", {"enabled": False})
    await probes.clean()
    broken = await probes.broken()
    if broken:
        return Verdict(lesson.name, (Result("the file", broken),))
    try:
        clues = Clues.of(lesson)
    except SyntaxError:  # a moment ago it was none
        return Verdict(lesson.name, (Result("the file", OUTDATED),))
    unlike = {}
    for scenario in lesson.scenarios:
        report(scenario.name)
        unlike[scenario.name] = await probes.unlike(scenario)
    report("is anybody else answered meanwhile?")
    stops = await probes.stops_the_loop(clues)
    faults = {}
    for scenario in lesson.scenarios:
        # Where the loop stands still, so do the lab's own endpoints.
        if not (stops or unlike[scenario.name]):
            report(f"{scenario.name}, {REQUESTS} times")
            faults[scenario.name] = await _provoke(probes, scenario)
    clues = replace(clues, faults=_counts(faults))
    results = [
        Result(name, finding or _finding(faults[name], clues))
        for name, finding in unlike.items()
        if finding or name in faults
    ]
    results.append(Result("others are answered meanwhile", stops))
    if not stops and not any(clues.faults.values()):
        report("does it open connections of its own?")
        churns = await probes.churns(clues)
        results.append(Result("the pool's connections are used again", churns))
    if clues.is_outdated:
        results.append(Result("the file", OUTDATED))
    return Verdict(lesson.name, tuple(results))


def _counts(faults: dict[str, Found | Finding]) -> dict[str, int]:
    return {
        name: found.count
        for name, found in faults.items()
        if isinstance(found, Found)
    }


async def _provoke(probes: Probes, scenario: Scenario) -> Found | Finding:
    # A task of an earlier request would come to the provider as well.
    await (probes.reset if scenario.meet else probes.clean)()
    try:
        return await provoke(
            probes.client, probes.side, scenario, REQUESTS, AT_ONCE
        )
    except NOT_THERE as error:
        await probes.reset()
        return Finding(
            "answers otherwise",
            str(error) or type(error).__name__,
            "Many of these at once do not go the way that *after* lets them.",
        )


def _finding(found: Found | Finding, clues: Clues) -> Finding | None:
    if not isinstance(found, Found):
        return found
    if not found.count:
        return None
    kind = KINDS[found.fault]
    return Finding(kind, str(found), explain(kind, clues), found.sites)
