"""A pytest plugin: a test that leaks a connection fails, with the line.

    pytest -p poolwatch.pytest_plugin        # where it is not installed

Every pool of the process is watched, the application's own among them. When a
test and its fixtures have ended, its loans must have ended too; if not, its
teardown is an error that names the line of each. A session that Python's
garbage collector had to close counts as well, since no code closed it. A
fixture that outlives the test is checked when it ends.

    @pytest.mark.allow_leaks(reason="…")     a test, class or module may leak
    --poolwatch-report=FILE                  every leak, as JSON
    poolwatch_grace = 0.5                    seconds to come back by itself
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from poolwatch.ledger import Ledger
from poolwatch.pytest_plugin.all_pools import watch_all_pools
from poolwatch.pytest_plugin.leak_report import (
    ATTRIBUTE,
    LeakedLoans,
    LeakReport,
)
from poolwatch.pytest_plugin.owners import LoanOwners, Owner, current

if TYPE_CHECKING:
    from collections.abc import Generator

    from _pytest.nodes import Node

    Fixture = pytest.FixtureDef[Any]

owners_key = pytest.StashKey[LoanOwners]()
failed_key = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the report and of the grace."""
    group = parser.getgroup("poolwatch", "leaked database connections")
    group.addoption(
        "--poolwatch-report",
        metavar="FILE",
        type=lambda name: Path(name).resolve(),
        help="write every leaked connection to FILE, as JSON",
    )
    parser.addini(
        "poolwatch_grace",
        default="0.5",
        help="seconds in which a connection may still come back by itself"
        " when its test has ended",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Watch before a conftest imports the application."""
    _watch(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Check for leaks, also in xdist's workers; they write no report."""
    config.addinivalue_line(
        "markers",
        "allow_leaks(reason): the test may end with connections that are"
        " checked out; they are reported, and fail nothing",
    )
    given = config.getini("poolwatch_grace")
    try:
        grace = float(given)
    except ValueError as error:
        message = f"poolwatch_grace is seconds, and not {given!r}"
        raise pytest.UsageError(message) from error
    config.pluginmanager.register(LeakCheck(_watch(config), grace))
    if not hasattr(config, "workerinput"):
        file = config.getoption("poolwatch_report")
        config.pluginmanager.register(LeakReport(file))


def pytest_report_header(config: pytest.Config) -> str:
    """Name the kinds of pools that are watched: a driver may be missing."""
    return f"poolwatch: {', '.join(config.stash[owners_key].kinds)}"


def _watch(config: pytest.Config) -> LoanOwners:
    if owners_key not in config.stash:
        ledger = Ledger()
        owners = config.stash[owners_key] = LoanOwners(ledger)
        watch_all_pools(ledger, owners.charge)
    return config.stash[owners_key]


class LeakCheck:
    """Checks each test and each fixture for leaks when it has ended."""

    def __init__(self, owners: LoanOwners, grace: float) -> None:
        """Begin; `grace` is in seconds."""
        self._owners = owners
        self._grace = grace
        self._fixtures: dict[Fixture, Owner] = {}
        self._leaks: list[LeakedLoans] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(
        self, item: pytest.Item
    ) -> Generator[None, object, object]:
        """Make the test the owner of what is checked out from now on."""
        item.stash[failed_key] = False
        self._owners.test = Owner(item.name)
        current.set(self._owners.test)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: Fixture
    ) -> Generator[None, object, object]:
        """Make a fixture that outlives the test the owner of its loans."""
        if fixturedef.scope == "function":
            return (yield)
        fixture = Owner(f"fixture {fixturedef.argname!r}")
        self._fixtures[fixturedef] = fixture
        try:
            with self._owners.setting_up(fixture):
                return (yield)
        finally:
            # Added last and so called first, before the fixture's own end.
            fixturedef.addfinalizer(partial(current.set, fixture))

    def pytest_fixture_post_finalizer(
        self, fixturedef: Fixture, request: pytest.FixtureRequest
    ) -> None:
        """Check a fixture that has ended."""
        fixture = self._fixtures.pop(fixturedef, None)
        if fixture is not None:
            current.set(self._owners.test)
            self._check(fixture, request.node)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item
    ) -> Generator[None, object, object]:
        """Check the test, when its fixtures have ended."""
        try:
            result = yield
        except BaseException:
            item.stash[failed_key] = True
            self._end_test(item)
            raise
        self._end_test(item)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note a failure; send the leaks along with the last report."""
        report = yield
        if call.when == "teardown":
            sent = [leaks.to_json(item.nodeid) for leaks in self._leaks]
            vars(report)[ATTRIBUTE] = sent
            self._leaks.clear()
        elif report.failed:
            item.stash[failed_key] = True
        return report

    def _check(self, owner: Owner, node: Node) -> None:
        findings = self._owners.find_leaks(owner, self._grace)
        if findings:
            allowed = node.get_closest_marker("allow_leaks")
            reason = allowed and str(allowed.kwargs.get("reason", ""))
            self._leaks.append(LeakedLoans(owner.name, findings, reason))

    def _end_test(self, item: pytest.Item) -> None:
        if self._owners.test is not None:
            self._check(self._owners.test, item)
        self._owners.test = None
        current.set(None)
        text = "\n".join(
            str(leaks) for leaks in self._leaks if leaks.allowed is None
        )
        if item.stash[failed_key]:  # its own failure comes first
            item.add_report_section("teardown", "leaks", text)
        elif text:
            pytest.fail(text, pytrace=False)
