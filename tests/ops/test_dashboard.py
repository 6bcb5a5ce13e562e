"""The dashboard reads metrics that exist, from the right Prometheus."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import Matcher, VectorSelector

from app.api import LESSONS
from app.settings import Settings
from ops.grafana.dashboard import FILE, written
from tests.conftest import Service
from tests.ops.rules import selectors

BOARD: dict[str, Any] = json.loads(FILE.read_text())
PROVISIONING = Path("ops/grafana/provisioning")
DATASOURCES = PROVISIONING / "datasources/prometheus.yml"
PROVIDER = PROVISIONING / "dashboards/order-service.yml"
PROMETHEUS = Path("ops/prometheus/prometheus.yml")

PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
TITLES = [panel["title"] for panel in PANELS]

OF_PROMETHEUS = {"up", "ALERTS"}
"""Series that Prometheus itself creates."""
OF_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus adds to scraped series."""

each_panel = pytest.mark.parametrize("panel", PANELS, ids=TITLES)


def queries() -> Iterator[tuple[str, str]]:
    """Yield the name of each panel, annotation or variable, and its query."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], _promql(target["expr"])
    for annotation in BOARD["annotations"]["list"]:
        yield annotation["name"], _promql(annotation["expr"])
    for variable in BOARD["templating"]["list"]:
        yield (
            variable["name"],
            re.sub(r"^label_values\((.*), \w+\)$", r"\1", variable["query"]),
        )


def _promql(expression: str) -> str:
    """Replace the variable as Grafana does."""
    return expression.replace("$__rate_interval", "20s")


def test_the_file_is_what_the_code_writes() -> None:
    assert FILE.read_text() == written(), "run `make dashboard`"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A short timeout: requests that find an exhausted pool fail soon."""
    return settings.model_copy(update={"pool_timeout": 1})


async def test_each_query_finds_what_a_running_service_exports(
    service: Service,
) -> None:
    for lesson in LESSONS:
        await service.send(lesson.scenarios[0], "after")
    await exhaust(service)
    page = (await service.client.get("/metrics")).text
    exported = [
        (sample.name, sample.labels)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    ]

    for name, query in queries():
        for selector in selectors(query):
            assert selector.name in OF_PROMETHEUS or any(
                selector.name == metric and selects(selector, labels)
                for metric, labels in exported
            ), f"{name}: no metric is {selector}"


async def exhaust(service: Service) -> None:
    """Leak until a request fails, so that every metric has a sample."""
    for lesson in LESSONS:
        await service.send(lesson.scenarios[0], "before")
    failed = False
    while not failed:
        answer = await service.send(LESSONS[0].scenarios[0], "before")
        failed = answer.is_server_error


def selects(selector: VectorSelector, labels: dict[str, str]) -> bool:
    """Whether a selector matches a sample; Prometheus adds some labels."""
    return all(
        matcher.name in labels and _accepts(matcher, labels[matcher.name])
        for matcher in selector.matchers.matchers
        if matcher.name not in OF_THE_SCRAPE
    )


def _accepts(matcher: Matcher, value: str) -> bool:
    # A value for `=` can be used as a regular expression as well.
    same = re.fullmatch(matcher.value, value) is not None
    return same != str(matcher.op).startswith("MatchOp.Not")


@each_panel
def test_each_panel_has_a_description(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 40


def test_each_runbook_that_a_panel_names_exists() -> None:
    text = Path("docs/runbooks.md").read_text()
    there = {title.lower() for title in re.findall(r"(?m)^## (.+)$", text)}
    named = set(re.findall(r"runbooks\.md#(\w+)", FILE.read_text()))

    assert named
    assert named <= there


def test_panels_fill_the_grid_without_overlap() -> None:
    cells = {
        panel["id"]: {
            (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
            for x in range(panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["h"])
        }
        for panel in BOARD["panels"]
    }
    bottom = max(y for of in cells.values() for _, y in of) + 1

    assert len(cells) == len(BOARD["panels"]), "ids are unique"
    assert not any(a & b for a, b in combinations(cells.values(), 2))
    assert sum(map(len, cells.values())) == 24 * bottom


def test_every_query_uses_the_provisioned_prometheus() -> None:
    [source] = yaml.safe_load(DATASOURCES.read_text())["datasources"]
    scraped = yaml.safe_load(PROMETHEUS.read_text())["global"]
    used = {
        each["datasource"]["uid"]
        for each in (
            *PANELS,
            *BOARD["annotations"]["list"],
            *BOARD["templating"]["list"],
        )
    }

    assert used == {source["uid"]}
    assert source["jsonData"]["timeInterval"] == scraped["scrape_interval"]


def test_grafana_opens_it_where_compose_mounts_it() -> None:
    services = yaml.safe_load(Path("docker-compose.yml").read_text())[
        "services"
    ]
    if "grafana" not in services:
        pytest.skip("docker-compose.yml has no grafana yet")
    mounts = dict(
        volume.split(":")[:2] for volume in services["grafana"]["volumes"]
    )
    [provider] = yaml.safe_load(PROVIDER.read_text())["providers"]
    folder = provider["options"]["path"]
    home = services["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]

    assert mounts[f"./{PROVISIONING}"] == "/etc/grafana/provisioning"
    assert mounts[f"./{FILE.parent}"] == folder
    assert home == f"{folder}/{FILE.name}"
