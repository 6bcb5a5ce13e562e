"""A pytest plugin: a test that leaks a connection fails, with the line.

    pytest -p poolwatch.pytest_plugin        # where it is not installed

Every pool of the process is watched, the application's own among them, and
none has to be handed over: a fixture that watches an engine of its own can
only ever pass. When a test and its fixtures have ended, what it borrowed has
to be back; else its teardown is an error that names the line of each loan. A
session that the garbage collector had to close counts as well, as nobody
else did. A fixture that outlives the test is held to account when it ends.

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
from poolwatch.pytest_plugin.accounts import Account, Accounts
from poolwatch.pytest_plugin.all_pools import watch_everything
from poolwatch.pytest_plugin.leak_report import ATTRIBUTE, LeakReport, Leaks

if TYPE_CHECKING:
    from collections.abc import Generator

    from _pytest.nodes import Node

    Fixture = pytest.FixtureDef[Any]

accounts_key = pytest.StashKey[Accounts]()
failed_key = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the report, and the grace."""
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
    """Take up the work, in xdist's workers too; the report is not theirs."""
    config.addinivalue_line(
        "markers",
        "allow_leaks(reason): the test may end with connections not given"
        " back; they are reported, and fail nothing",
    )
    grace = float(config.getini("poolwatch_grace"))
    config.pluginmanager.register(Bailiff(_watch(config), grace))
    if not hasattr(config, "workerinput"):
        file = config.getoption("poolwatch_report")
        config.pluginmanager.register(LeakReport(file))


def pytest_report_header(config: pytest.Config) -> str:
    """Say which kinds of pools are watched: a driver may be missing."""
    return f"poolwatch: {', '.join(config.stash[accounts_key].kinds)}"


def _watch(config: pytest.Config) -> Accounts:
    if accounts_key not in config.stash:
        ledger = Ledger()
        watch_everything(ledger)
        config.stash[accounts_key] = Accounts(ledger)
    return config.stash[accounts_key]


class Bailiff:
    """Settles the account of each test and fixture when it has ended."""

    def __init__(self, accounts: Accounts, grace: float) -> None:
        """Begin; `grace` is in seconds."""
        self._accounts = accounts
        self._grace = grace
        self._test = Account("")
        self._fixtures: dict[Fixture, Account] = {}
        self._leaks: list[Leaks] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(
        self, item: pytest.Item
    ) -> Generator[None, object, object]:
        """Charge the test from here on."""
        item.stash[failed_key] = False
        self._test = Account(item.name)
        self._accounts.enter(self._test)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: Fixture
    ) -> Generator[None, object, object]:
        """Charge a fixture that outlives the test with its own loans."""
        if fixturedef.scope == "function":
            return (yield)
        account = Account(f"fixture {fixturedef.argname!r}")
        self._fixtures[fixturedef] = account
        try:
            with self._accounts.setting_up(account):
                return (yield)
        finally:
            # Added last and so called first, before the fixture's own end.
            fixturedef.addfinalizer(partial(self._accounts.enter, account))

    def pytest_fixture_post_finalizer(
        self, fixturedef: Fixture, request: pytest.FixtureRequest
    ) -> None:
        """Settle with a fixture that has ended."""
        account = self._fixtures.pop(fixturedef, None)
        if account is not None:
            self._settle(account, request.node)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item
    ) -> Generator[None, object, object]:
        """Settle with the test, when its fixtures have ended."""
        try:
            result = yield
        except BaseException:
            item.stash[failed_key] = True
            self._settle(self._test, item)
            self._blame(item)
            raise
        self._settle(self._test, item)
        self._blame(item)
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

    def _settle(self, account: Account, node: Node) -> None:
        self._accounts.leave(account)
        findings = self._accounts.settle(account, self._grace)
        if findings:
            allowed = node.get_closest_marker("allow_leaks")
            reason = allowed and str(allowed.kwargs.get("reason", ""))
            self._leaks.append(Leaks(account.name, findings, reason))

    def _blame(self, item: pytest.Item) -> None:
        text = "\n".join(
            str(leaks) for leaks in self._leaks if leaks.allowed is None
        )
        if item.stash[failed_key]:  # that comes first, and is enough
            item.add_report_section("teardown", "leaks", text)
        elif text:
            pytest.fail(text, pytrace=False)
