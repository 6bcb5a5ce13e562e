"""A page that a test writes, run in a separate folder and shell."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sybil.example import SybilFailure

from tests.documentation import shell as shell_module
from tests.documentation.checkout import ENVIRONMENT
from tests.documentation.plugin import SYBIL
from tests.documentation.shell import Shell

Reader = Callable[[str], list[str]]
"""Runs a page; gives what is wrong with each block, "" where nothing is."""


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A shell whose commands have two seconds, and one to end in."""
    monkeypatch.setattr(shell_module, "SECONDS_TO_END", 1)
    shell = Shell(tmp_path, ENVIRONMENT, bound=2)
    yield shell
    shell.close()


@pytest.fixture
def read(tmp_path: Path, quick: Shell) -> Reader:
    """Runs a page in that shell, as the plugin does."""

    def run(text: str) -> list[str]:
        page = tmp_path / "page.md"
        page.write_text(text)
        document = SYBIL.parse(page)
        document.namespace["shell"] = quick
        faults = []
        for example in document.examples():
            try:
                example.evaluate()
            except SybilFailure as failure:
                faults.append(failure.result)
            except pytest.skip.Exception as skipped:
                faults.append(f"skipped: {skipped.msg}")
            else:
                faults.append("")
        return faults

    return run
