"""The report as one HTML page, which has no script and loads nothing."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from app.api import SERVICE
from app.lesson import HEALS
from lab.report import figures
from lab.report.demo_run import DemoRun
from lab.report.plots import Plot

WRITE_UP = Path(__file__).parents[2] / "docs/write-up.md"
"""The document that says where write-up and measurement disagree."""
MARKDOWN = MarkdownIt("js-default")
"""GitHub's tables; HTML in the text is shown as text."""


def page(run: DemoRun, plots: Sequence[Plot], earlier: DemoRun | None) -> str:
    """Lay out what a run measured, beside an earlier one if there is one."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["markdown"] = _inline
    templates.filters["duration"] = figures.duration
    return templates.get_template("template.html").render(
        run=run,
        rows=list(figures.rows(run)),
        conclusion=figures.conclusion(run),
        expectations=figures.expectations(run),
        notes=figures.notes(run),
        variants=figures.VARIANTS,
        compared={row.name: row.measured for row in figures.rows(earlier)}
        if earlier
        else {},
        earlier=earlier,
        written=_date(run),
        compared_with=earlier and _date(earlier),
        differences=earlier and differences(run, earlier),
        plots=[plot for plot in plots if plot.name != "leaks"],
        leaks=[plot for plot in plots if plot.name == "leaks"],
        lessons=SERVICE,
        heals=HEALS,
        percentiles=dict.fromkeys(
            name for v in run.variants.values() for name in v.latency
        ),
        write_up=_section(WRITE_UP.read_text()),
        conditions=_conditions(run),
    )


def differences(run: DemoRun, earlier: DemoRun) -> list[str]:
    """List the conditions that were not the same in both runs."""
    this, that = _conditions(run), _conditions(earlier)
    return [
        f"{name}: {that[title].get(name, 'unknown')}, now {value}"
        for title, facts in this.items()
        for name, value in facts.items()
        if that[title].get(name) != value and "average" not in name
    ]


def _date(run: DemoRun) -> str:
    return f"{run.written:%-d %B %Y, %H:%M} UTC"


def _conditions(run: DemoRun) -> dict[str, dict[str, str]]:
    plan = {
        name.replace("_", " "): f"{value:g}"
        for name, value in asdict(run.plan).items()
    }
    return {
        "machine": run.machine,
        "versions": run.versions,
        "settings": run.settings,
        "load (seconds; per second)": plan,
    }


def _inline(text: str) -> Markup:
    return Markup(MARKDOWN.renderInline(text))  # noqa: S704 - it escapes


def _section(text: str) -> Markup:
    """Render a document one level below the page's own heading."""
    tokens = MARKDOWN.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{int(token.tag[1]) + 1}"
    html = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    return Markup(html)  # noqa: S704 - it escapes
