"""Each alert has a runbook and tests, and reads series that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import VectorSelector

from app.settings import Settings
from tests.conftest import Service
from tests.ops.rules import TESTS, Rule, rules, selectors
from tests.process.command import free_port

RULES = rules()
NAMES = [rule.alert for rule in RULES]
RUNBOOKS = Path("docs/runbooks.md").read_text()
PROMTOOL: list[dict[str, Any]] = yaml.safe_load(TESTS.read_text())["tests"]

each_rule = pytest.mark.parametrize("rule", RULES, ids=NAMES)


def test_each_alert_has_a_runbook_and_each_runbook_its_alert() -> None:
    assert re.findall(r"(?m)^## (.+)$", RUNBOOKS) == NAMES


def test_links_in_runbooks_are_valid() -> None:
    anchors = {f"#{name.lower()}" for name in NAMES}
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", RUNBOOKS):
        assert link in anchors or Path("docs", link).exists(), link


@each_rule
def test_each_alert_links_to_its_own_runbook(rule: Rule) -> None:
    anchor = rule.alert.lower()
    assert rule.annotations["runbook_url"] == f"docs/runbooks.md#{anchor}"


@each_rule
def test_each_alert_has_a_severity_and_names_its_source(rule: Rule) -> None:
    assert rule.labels["severity"] in {"critical", "warning", "exhibit"}
    said = rule.annotations["summary"] + rule.annotations["description"]
    assert " $labels." in said or rule.labels["severity"] == "exhibit"


@each_rule
def test_each_alert_fires_in_a_test(rule: Rule) -> None:
    fired = {
        case["alertname"]
        for test in PROMTOOL
        for case in test.get("alert_rule_test", ())
        if case.get("exp_alerts")
    }

    assert rule.alert in fired


@each_rule
def test_no_alert_fires_for_a_healthy_service(rule: Rule) -> None:
    [healthy] = (
        test for test in PROMTOOL if test["name"].startswith("A healthy")
    )
    there = {
        selector.name
        for series in healthy["input_series"]
        for selector in selectors(series["series"])
    }

    assert {selector.name for selector in rule.selectors} <= there
    assert {
        "expr": 'count_over_time(ALERTS{alertstate="firing"}[30m])',
        "eval_time": "30m",
        "exp_samples": [],
    } in healthy["promql_expr_test"]


@pytest.fixture
def settings(settings: Settings) -> Iterator[Settings]:
    """The service is one of several workers, and reports all of them."""
    with TemporaryDirectory(prefix="workers-") as folder:
        yield settings.model_copy(
            update={
                "poolwatch_port": free_port(),
                "poolwatch_folder": Path(folder),
            }
        )


async def test_each_alert_reads_what_a_running_service_exports(
    settings: Settings, service: Service
) -> None:
    await service.client.get("/before/orders/1")  # leaks a connection
    scraped = f"http://127.0.0.1:{settings.poolwatch_port}/metrics"
    async with httpx.AsyncClient() as prometheus:
        page = (await prometheus.get(scraped)).text
    exported = [
        (sample.name, sample.labels)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    ]

    for rule in RULES:
        for selector in rule.selectors:
            if selector.name == "up":  # made by Prometheus
                continue
            assert any(
                selector.name == name and selects(selector, labels)
                for name, labels in exported
            ), f"{rule.alert}: no metric is {selector}"


def selects(selector: VectorSelector, labels: dict[str, str]) -> bool:
    """Whether the selector matches a sample with these labels."""
    return all(
        re.fullmatch(matcher.value, labels.get(matcher.name, ""))
        for matcher in selector.matchers.matchers
    )
