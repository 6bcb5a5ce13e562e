"""The report as one page of HTML: no script, and nothing from elsewhere."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from app.api import SERVICE
from app.lesson import HEALS, Variant
from lab.report.figures import (
    CLAIMS,
    NOT_MEASURED,
    Claim,
    notes,
    promises,
    said,
)
from lab.report.growth import per_1000_leaked, per_hour
from lab.report.plots import Plot
from lab.report.record import Record

VARIANTS: tuple[Variant, ...] = get_args(Variant)
WRITE_UP = Path(__file__).parents[2] / "docs/write-up.md"
"""Where the write-up and this service disagree, and why: told there alone."""
MARKDOWN = MarkdownIt("js-default")
"""GitHub's tables; HTML in the text is shown, not obeyed."""


def page(record: Record, plots: Sequence[Plot], earlier: Record | None) -> str:
    """Lay everything out that a run has measured."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["markdown"] = _inline
    return templates.get_template("template.html").render(
        record=record,
        earlier=earlier,
        written=_date(record),
        compared_with=earlier and _date(earlier),
        plots=plots,
        variants=VARIANTS,
        claims=CLAIMS,
        cell=cell,
        ratio=ratio,
        said=said,
        notes=notes(record),
        promises=promises(record),
        differences=earlier and differences(record, earlier),
        lessons=SERVICE,
        heals=HEALS,
        per_hour={v: per_hour(m) for v, m in record.variants.items()},
        per_1000_leaked=per_1000_leaked(record),
        percentiles=percentiles(record),
        write_up=_section(WRITE_UP.read_text()),
        surroundings=_surroundings(record),
    )


def cell(claim: Claim, record: Record, variant: Variant) -> str:
    """Say what a run has measured of a claim."""
    measured = record.variants.get(variant)
    return claim.measured(measured) if measured else NOT_MEASURED


def ratio(
    claim: Claim, record: Record, earlier: Record, variant: Variant
) -> str:
    """Say how many times the other run's figure this run's is."""
    values = [
        claim.number(run.variants[variant])
        if variant in run.variants
        else None
        for run in (record, earlier)
    ]
    this, compared = values
    if this is None or compared is None:
        return NOT_MEASURED
    if this == compared:
        return "the same"
    return f"{this / compared:.2f}" if compared else "was 0"


def differences(record: Record, earlier: Record) -> list[str]:
    """Name what was not the same in both runs."""
    this, that = _surroundings(record), _surroundings(earlier)
    return [
        f"{name}: {that[title].get(name, 'unknown')}, now {value}"
        for title, facts in this.items()
        for name, value in facts.items()
        if that[title].get(name) != value and "average" not in name
    ]


def percentiles(record: Record) -> list[str]:
    """Name those that any variant has."""
    names = (name for m in record.variants.values() for name in m.latency)
    return list(dict.fromkeys(names))


def _date(record: Record) -> str:
    return f"{record.written:%-d %B %Y, %H:%M} UTC"


def _surroundings(record: Record) -> dict[str, dict[str, str]]:
    plan = {
        name.replace("_", " "): f"{value:g}"
        for name, value in asdict(record.plan).items()
    }
    return {
        "machine": record.machine,
        "versions": record.versions,
        "settings": record.settings,
        "load (seconds; a second)": plan,
    }


def _inline(text: str) -> Markup:
    return Markup(MARKDOWN.renderInline(text))  # noqa: S704 - it escapes


def _section(text: str) -> Markup:
    """Render a document a level below the page's own heading."""
    tokens = MARKDOWN.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{int(token.tag[1]) + 1}"
    html = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    return Markup(html)  # noqa: S704 - it escapes
