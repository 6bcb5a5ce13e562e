"""The package's README names all there is, and nothing that is not."""

import re
from pathlib import Path
from typing import get_args

from prometheus_client import CollectorRegistry

import poolwatch
from poolwatch.findings import Kind
from poolwatch.metrics.prometheus import Exporter
from poolwatch.verdict import Cause

README = Path(poolwatch.__file__).with_name("README.md").read_text()


def table(heading: str) -> list[str]:
    """The first column of the table below a heading."""
    section = README.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| (.+?) \|", section, re.MULTILINE)


def test_tells_of_every_metric() -> None:
    registry = CollectorRegistry()
    Exporter(poolwatch.Ledger(), registry)
    named = {
        name.replace("…", "db_client_connection")
        for row in table("metric")
        for name in re.findall(r"`(.+?)`", row)
    }
    exported = {
        f"{metric.name}{'_total' * (metric.type == 'counter')}"
        for metric in registry.collect()
    }
    assert named == exported


def test_tells_of_every_finding() -> None:
    assert {row.strip("`") for row in table("finding")} == {*get_args(Kind)}


def test_tells_of_every_verdict() -> None:
    assert {*table("verdict")} == {*get_args(Cause)}
