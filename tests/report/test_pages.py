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
from lab.report.page import page as lay_out
from lab.report.plots import _Over, _plot
from lab.report.record import NotAReportError, Record, load, to_json
from lab.report.series import SERIES, Series
from lab.report.write import _put, write
from tests.report.records import LEAKY, RECORD

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
    write(RECORD, folder, None)
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


def test_the_page_has_claimed_and_measured(page: str) -> None:
    text = re.sub(r"<[^>]*>|\s", " ", page)

    assert re.search(r"peak / capacity +95/100 +50/50 +8-12/100", text)
    assert "not measured" not in text


def test_the_page_says_what_heals_and_what_the_write_up_got_wrong(
    page: str,
) -> None:
    assert all(f"<code>{lesson.name}</code>" in page for lesson in SERVICE)
    assert "<td>nothing</td>" in page
    assert "leaks is <code>pool.acquire()</code> without" in page


def test_what_was_measured_cannot_be_markup() -> None:
    bad = "<script>alert(1)</script>"
    line = replace(LEAKY.lines[0], site=bad)
    record = replace(
        RECORD,
        machine={bad: bad},
        variants={"before": replace(LEAKY, lines=[line])},
    )

    page = lay_out(record, [], None)

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_pictures_are_pictures(folder: Path, page: str) -> None:
    pictures = sorted(folder.glob("*.png"))

    assert len(pictures) == page.count("<svg") == 7
    for picture in pictures:
        content = picture.read_bytes()
        assert content.startswith(PNG)
        width = int.from_bytes(content[16:20])
        assert width == 1024


def test_the_same_record_makes_the_same_page(folder: Path, page: str) -> None:
    (folder / "index.html").unlink()

    told = CliRunner().invoke(cli, ["report", str(folder / "report.json")])

    assert told.exit_code == 0, told.output
    assert (folder / "index.html").read_text() == page


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    assert load(folder / "report.json") == RECORD


def test_the_run_before_is_kept_and_no_other(tmp_path: Path) -> None:
    for run in (b"first", b"second", b"third"):
        _put({"report.json": run, "index.html": run}, tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "report.json": b"third",
        "index.html": b"third",
        "previous.json": b"second",
    }


def test_nothing_is_replaced_where_the_pages_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put({"report.json": b"before", "index.html": b"before"}, tmp_path)
    monkeypatch.setattr("lab.report.write.plots", _interrupted)

    with pytest.raises(KeyboardInterrupt):
        write(RECORD, tmp_path, None)

    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"before"}


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_two_runs_are_shown_side_by_side(tmp_path: Path) -> None:
    twice = replace(LEAKY, leaked=30, restarts=0)
    earlier = replace(
        RECORD,
        written=datetime(2026, 11, 20, 8, tzinfo=UTC),
        machine={"CPU": "an older processor"},
        variants={"before": twice, "after": RECORD.variants["after"]},
    )

    page = write(RECORD, tmp_path, earlier).read_text()

    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "connections leaked 60 30 2.00 0 0 the same" in text
    assert "1 in 12 s 0 in 12 s was 0" in text
    assert "CPU: an older processor, now a processor" in text
    assert "20 November 2026" in text
    assert page.count("before, compared</text>") == 6


def test_a_partial_record_says_so_on_top() -> None:
    record = replace(RECORD, interrupted="SIGTERM", variants={"before": LEAKY})

    page = lay_out(record, [], None)

    body = page.partition("<body>")[2]
    assert body.lstrip().startswith('<p class="partial">A partial report')
    assert '"interrupted": "SIGTERM"' in to_json(record)


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_a_run_that_had_hardly_begun_can_be_drawn(samples: int) -> None:
    early = replace(
        LEAKY,
        samples=LEAKY.samples[:samples],
        per_second=LEAKY.per_second[:samples],
        lines=[],
    )
    record = replace(RECORD, interrupted="Ctrl-C", variants={"before": early})

    assert "<svg" in _draw(SERIES[1], record)
    assert "not measured" in lay_out(record, [], None)


def _draw(series: Series, record: Record) -> str:
    drawn = _Over(series, record, None)
    return _plot(series.name, series.title, series.caption, drawn).svg


Spoil = Callable[[dict[str, object]], object]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda _: [], "is no report.json of `demo`"),
        (lambda _: {"before": {}}, "is no report.json of `demo`"),
        (lambda raw: raw | {"version": 1}, "is a report of version 1"),
        (lambda raw: raw | {"plan": None}, "a damaged one"),
        (lambda raw: raw | {"written": "yesterday"}, "a damaged one"),
    ],
)
def test_another_file_is_refused_in_one_sentence(
    tmp_path: Path, spoil: Spoil, why: str
) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(spoil(json.loads(to_json(RECORD)))))

    with pytest.raises(NotAReportError, match=why):
        load(file)


@pytest.mark.parametrize("content", ["", "{", "\0", '{"format": NaN}'])
def test_what_is_no_json_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "old.json"
    file.write_text(content)

    with pytest.raises(NotAReportError):
        load(file)


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
    assert "is no report.json of `demo`" in told.output
