"""Every page is run, and every page has something to run."""

import subprocess
from pathlib import Path

import pytest
from sybil import Document

from tests.documentation.blocks import Block
from tests.documentation.checkout import ROOT, check_out, tracked
from tests.documentation.plugin import SYBIL

PAGES = sorted(map(str, tracked("*.md")))
NOT_RUN = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/compose.md",
    "docs/workshop/README.md",
}
"""Pages without a command that can run here."""

RUN = {"", "in another terminal", "exits with"}
"""Marks of what is typed into a shell."""


def blocks(page: str) -> list[Block]:
    document: Document = SYBIL.parse(ROOT / page)
    parsed = [example.parsed for example in document.examples()]
    return [block for block in parsed if isinstance(block, Block)]


def test_there_are_pages() -> None:
    assert {"README.md", "docs/write-up.md", "poolwatch/README.md"} <= {*PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_make_runs_the_page(page: str) -> None:
    told = subprocess.run(
        ["make", "--dry-run", "test-docs"],  # noqa: S607 - whichever make
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    asked = [Path(word) for word in told.split() if (ROOT / word).exists()]
    assert any(Path(page).is_relative_to(path) for path in asked)
    assert SYBIL.should_parse(ROOT / page)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_has_a_command_that_is_run_or_compared(page: str) -> None:
    kinds = {"bash", "console", "text"}
    runs = any(
        block.language in kinds and block.mark in RUN | {"compared by"}
        for block in blocks(page)
    )
    assert runs == (page not in NOT_RUN)


def test_a_copy_has_what_is_tracked_and_an_environment_that_counts(
    tmp_path: Path,
) -> None:
    check_out(tmp_path)

    assert all((tmp_path / path).exists() for path in tracked())
    complete = (tmp_path / ".venv/.complete").stat().st_mtime
    assert complete > (tmp_path / "requirements.lock").stat().st_mtime
    assert not (tmp_path / ".venv").is_symlink()  # nor can make empty ours
    assert (tmp_path / ".venv/bin/python").exists()
