"""A terminal that knows ASCII alone shows question marks, no traceback."""

import pytest

from tests.process.command import run


@pytest.mark.parametrize(
    "arguments",
    [
        ["lessons"],
        pytest.param(["check", "analytics"], marks=pytest.mark.slow),
    ],
)
def test_an_ascii_terminal_is_enough(
    database_url: str, arguments: list[str]
) -> None:
    done = run(
        *arguments,
        DATABASE_URL=database_url,
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONIOENCODING="ascii",
    )

    assert done.returncode == 0, done.stderr
    assert "UnicodeEncodeError" not in done.stderr
