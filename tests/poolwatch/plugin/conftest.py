"""Suites that say with `# LEAK` which lines the plugin has to find."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import poolwatch

PLUGIN = ("-p", "poolwatch.pytest_plugin", "--poolwatch-report=leaks.json")

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
poolwatch_grace = 0.1
filterwarnings = ignore
"""

PRELUDE = """
import asyncio, gc, os, sys, threading
import pytest
from tests.poolwatch.plugin.shop import *
"""


def marked(path: Path) -> set[str]:
    """The lines of a file that say `# LEAK`, as file:line."""
    return {
        f"{path}:{number}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.endswith("# LEAK")
    }


(CARELESS,) = marked(Path(__file__).with_name("web.py"))
"""The line of the handler that leaks."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a suite."""

    result: pytest.RunResult
    marked: set[str]
    """The lines of its tests that have to be found."""
    report: list[dict[str, Any]]

    @property
    def output(self) -> str:
        return self.result.stdout.str()

    @property
    def outcomes(self) -> dict[str, int]:
        return self.result.parseoutcomes()

    @property
    def blamed(self) -> set[str]:
        """The tests whose teardown is an error."""
        found = re.findall(r"^ERROR \S+::(\S+) - ", self.output, re.MULTILINE)
        return set(found)

    @property
    def lines(self) -> set[str]:
        """The lines that were found."""
        sites = [site for leaks in self.report for site in leaks["sites"]]
        return {site.split()[0] for site in sites}


@dataclass(frozen=True, slots=True)
class Suite:
    """A test suite in a folder of its own."""

    pytester: pytest.Pytester

    def run(
        self, tests: str, *options: str, plugin: tuple[str, ...] = PLUGIN
    ) -> Run:
        """Run tests of the shop; give what came of them."""
        self.pytester.makepyfile(test_shop=PRELUDE + dedent(tests))
        result = self.pytester.runpytest_subprocess(
            *("-p", "pytest_asyncio.plugin", *plugin, *options),
            *("-rE", "--strict-markers"),
            timeout=60,
        )
        file = self.pytester.path / "leaks.json"
        report = json.loads(file.read_text())["tests"] if file.exists() else []
        return Run(result, marked(Path("test_shop.py")), report)


@pytest.fixture
def suite(
    pytester: pytest.Pytester,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Suite:
    root = Path(poolwatch.__file__).parents[1]
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("PYTHONPATH", str(root))
    # Only the plugins that are named: an inner run begins in a second.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(INI)
    return Suite(pytester)
