"""What counts as the same output, and what does not."""

import pytest

from tests.documentation.shown import difference

TABLE = """
┃ pool    ┃ peak  ┃
│ engine, │ 4/50  │
│ asyncpg │       │
└─────────┴───────┘
"""
WIDER = """
┃ pool            ┃ peak     ┃
│ engine, asyncpg │ 23/1,050 │
└─────────────────┴──────────┘
"""


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ("30 of 30 lent", "4 of 1,020 lent"),
        ("oldest 2.5 s", "oldest 0.0 s"),
        ("p99 5.01 s", "p99 17 ms"),
        ("+12 MiB", "+0 B"),
        ("85 MB/hour", "-3 MB/hour"),
        ("85 MB/hour", "0 MB/hour"),
        ("at 2026-11-24T22:13:12Z", "at 2027-01-02T03:04:05.678Z"),
        ("before.py:74 get_order", "before.py:8 get_order"),
        ("0 leaked", "0 leaked"),
        ("count 30.0", "count 3.0"),
        ("token …, good", "token q8X-7, good"),
        ("a\n…\nd", "a\nb\nc\nd"),
        ("a\n…\nd", "a\nd"),
        ("…\nd", "a\nd"),
        ("a  b", "  a b  "),
        ("pid|n\n-----+---", "pid|n\n-------+----"),
        ("plain", "\x1b[32mplain\x1b[0m"),
        ("", "\n\n"),
        (TABLE, WIDER),
    ],
)
def test_alike(shown: str, came: str) -> None:
    assert difference(shown.splitlines(), came) == ""


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ("0 leaked", "10 leaked"),
        ("10 leaked", "0 leaked"),
        ("count 0.0", "count 30.0"),
        ("count 30.0", "count 0.0"),
        ("p95", "p99"),
        ("5 s", "5 MB"),
        ("17 ms", "17 requests"),
        ("orders", "order"),
        ("3 orders", "three orders"),
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("a\n\nb", "a\nb"),
        ("b\na", "a\nb"),
        ("a\n…\nd", "a\nb\nc"),
        ("a … d", "a b\nc d"),
        (".", "x"),
        ("", "printed"),
        (TABLE, WIDER.replace("asyncpg", "psycopg")),
    ],
)
def test_not_alike(shown: str, came: str) -> None:
    assert difference(shown.splitlines(), came)


def test_the_difference_shows_no_numbers_that_are_alike() -> None:
    told = difference(["10 lent", "0 leaked"], "20 lent\n3 leaked")
    lines = told.splitlines()
    assert " 10 lent" in lines
    assert "-0 leaked" in lines
    assert "+3 leaked" in lines
    assert "20 lent" not in told
