"""Reads the alert rules with a PromQL parser."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import yaml  # type: ignore[import-untyped]

FILE = Path("ops/prometheus/alerts.yml")
TESTS = Path("ops/prometheus/alerts_test.yml")


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert."""

    alert: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def selectors(self) -> list[promql.VectorSelector]:
        """Return the series that it reads."""
        return selectors(self.expr)


def selectors(expression: str) -> list[promql.VectorSelector]:
    """Find every series that a PromQL expression reads."""
    found: list[promql.VectorSelector] = []

    def note(part: promql.Expr) -> None:
        if isinstance(part, promql.VectorSelector):
            found.append(part)

    promql.walk(promql.parse(expression), note)
    return found


def rules() -> list[Rule]:
    """Return every alert, in the order of the file."""
    groups: list[dict[str, Any]] = yaml.safe_load(FILE.read_text())["groups"]
    return [
        Rule(rule["alert"], rule["expr"], rule["labels"], rule["annotations"])
        for group in groups
        for rule in group["rules"]
    ]
