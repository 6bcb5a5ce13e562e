"""The page, the pictures, and what is compared with what."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.api import SERVICE
from lab.__main__ import cli
from lab.report.demo_run import (
    MOST_BYTES,
    NotAReportError,
    load,
    to_json,
)
from lab.report.page import page as lay_out
from lab.report.plots import plots
from lab.report.write import _replace, write
from tests.report.runs import LEAKY, RUN

PNG = b"\x89PNG\r\n\x1a\n"


class Links(HTMLParser):
    """What a browser would load, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.tags.add(tag)
        self.loaded += [
            value or ""
            for name, value in attrs
            if name in {"src", "href", "xlink:href", "data", "srcset"}
            and tag != "a"
        ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report, and beside it the one that it is compared with."""
    folder = tmp_path_factory.mktemp("report")
    write(RUN, folder, None)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "index.html").read_text()


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    links = Links(page)

    assert all(address.startswith("#") for address in links.loaded)
    assert not links.tags & {"script", "link", "img", "iframe", "object"}
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_the_pages_ids_are_unique(page: str) -> None:
    """Of several SVGs in one page, each refers to its own parts."""
    ids = re.findall(r'<clipPath id="([^"]+)"', page)

    assert len(ids) == len(set(ids)) > 1


def test_the_page_has_measured_and_claimed(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())

    assert "pool wait, p95 5.00 s claim: 5.2 s 0.4 ms claim: 0.01 s" in text
    assert "not measured" not in text


def test_the_page_begins_with_the_conclusion_and_ends_with_the_method(
    page: str,
) -> None:
    order = ("Before leaked 60", "<table", "<svg", "the client gives up")

    assert sorted(order, key=page.index) == list(order)


def test_each_plot_leaves_its_colours_to_the_page(page: str) -> None:
    assert not set(re.findall("#[0-9a-f]{6}", page.partition("<body>")[2]))
    assert page.count("stroke: var(--line-before)") > 6


def test_the_page_says_what_heals_and_what_the_write_up_got_wrong(
    page: str,
) -> None:
    assert all(f"<code>{lesson.name}</code>" in page for lesson in SERVICE)
    assert "<td>nothing</td>" in page
    assert "<code>pool.acquire()</code> without a release does leak" in page


def test_what_was_measured_cannot_be_markup() -> None:
    bad = "<script>alert(1)</script>"
    line = replace(LEAKY.lines[0], site=bad)
    run = replace(
        RUN,
        machine={bad: bad},
        variants={"before": replace(LEAKY, lines=[line])},
    )

    page = lay_out(run, [], None)

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_pictures_are_pictures(folder: Path, page: str) -> None:
    pictures = sorted(folder.glob("*.png"))

    assert len(pictures) == page.count("<svg") == 8
    for picture in pictures:
        content = picture.read_bytes()
        assert content.startswith(PNG)
        width = int.from_bytes(content[16:20])
        assert width == 1024


@pytest.mark.slow
def test_the_same_record_makes_the_same_page(folder: Path, page: str) -> None:
    (folder / "index.html").unlink()

    told = CliRunner().invoke(cli, ["report", str(folder / "report.json")])

    assert told.exit_code == 0, told.output
    assert (folder / "index.html").read_text() == page


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    assert load(folder / "report.json") == RUN


def test_the_run_before_is_kept_and_no_other(tmp_path: Path) -> None:
    for run in (b"first", b"second", b"third"):
        _replace({"report.json": run, "index.html": run}, tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "report.json": b"third",
        "index.html": b"third",
        "previous.json": b"second",
    }


def test_nothing_is_replaced_where_the_pages_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace({"report.json": b"before", "index.html": b"before"}, tmp_path)
    monkeypatch.setattr("lab.report.write.plots", _interrupted)

    with pytest.raises(KeyboardInterrupt):
        write(RUN, tmp_path, None)

    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"before"}


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_two_runs_are_shown_side_by_side(tmp_path: Path) -> None:
    fewer = replace(LEAKY, leaked=30, restarts=0)
    earlier = replace(
        RUN,
        written=datetime(2026, 11, 20, 8, tzinfo=UTC),
        machine={"CPU": "an older processor"},
        variants={"before": fewer, "after": RUN.variants["after"]},
    )

    page = write(RUN, tmp_path, earlier).read_text()

    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "leaked connections 60 compared: 30 0 compared: 0" in text
    assert "CPU: an older processor, now a processor" in text
    assert "20 November 2026" in text
    assert page.count("before, compared</text>") == 7


def test_a_partial_run_says_so_on_top() -> None:
    run = replace(RUN, interrupted="SIGTERM", variants={"before": LEAKY})

    page = lay_out(run, [], None)

    body = page.partition("<body>")[2]
    assert body.lstrip().startswith('<p class="partial">A partial report')
    assert '"interrupted": "SIGTERM"' in to_json(run)


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_a_run_that_had_hardly_begun_can_be_drawn(samples: int) -> None:
    early = replace(
        LEAKY,
        samples=LEAKY.samples[:samples],
        per_second=LEAKY.per_second[:samples],
        lines=[],
    )
    run = replace(RUN, interrupted="Ctrl-C", variants={"before": early})

    assert all("<svg" in plot.svg for plot in plots(run, None))
    assert "not measured" in lay_out(run, [], None)


Spoil = Callable[[dict[str, object]], object]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda _: [], "is not a report.json of `demo`"),
        (lambda _: {"before": {}}, "is not a report.json of `demo`"),
        (lambda raw: raw | {"version": 1}, "has version 1"),
        (lambda raw: raw | {"plan": None}, "is damaged"),
        (lambda raw: raw | {"written": "yesterday"}, "is damaged"),
    ],
)
def test_another_file_is_refused_in_one_sentence(
    tmp_path: Path, spoil: Spoil, why: str
) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(spoil(json.loads(to_json(RUN)))))

    with pytest.raises(NotAReportError, match=why):
        load(file)


@pytest.mark.parametrize("content", ["", "{", "\0", '{"format": NaN}'])
def test_what_is_no_json_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "old.json"
    file.write_text(content)

    with pytest.raises(NotAReportError):
        load(file)


def test_a_file_without_an_end_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(MOST_BYTES + 1)

    for path, why in ((Path("/dev/zero"), "regular"), (large, "64 MiB")):
        told = CliRunner().invoke(
            cli, ["report", str(path)], env={"COLUMNS": "300"}
        )

        assert told.exit_code == 2
        assert why in told.output


def test_demo_measures_nothing_where_it_cannot_write(tmp_path: Path) -> None:
    """The database would be away, and is not reached."""
    taken = tmp_path / "report"
    taken.write_text("a file, not a folder")

    told = CliRunner().invoke(
        cli,
        ["demo", "--report", str(taken)],
        env={"DATABASE_URL": "postgresql://127.0.0.1:9/x"},
    )

    assert isinstance(told.exception, FileExistsError)
    assert str(taken) in str(told.exception)


@pytest.mark.parametrize("command", ["demo", "report"])
def test_a_wrong_file_to_compare_with_exits_2_before_anything_is_done(
    folder: Path, tmp_path: Path, command: str
) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    report = [str(folder / "report.json")] if command == "report" else []

    told = CliRunner().invoke(
        cli,
        [command, *report, "--compare", str(wrong)],
        env={"DATABASE_URL": "postgresql://127.0.0.1:9/x", "COLUMNS": "300"},
    )

    assert told.exit_code == 2
    assert "is not a report.json of `demo`" in told.output
