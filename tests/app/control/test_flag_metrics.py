"""A metric has the value of each flag, so Prometheus sees its changes."""

import json
from pathlib import Path

import pytest

from tests.app.web.test_metrics import scrape
from tests.conftest import Service, until


async def gauges_of(service: Service, lesson: str) -> dict[str, float]:
    """Return the gauges of one flag, by variant."""
    samples = await scrape(service)
    return {
        variant: samples[f'lab_flag{{lesson="{lesson}",variant="{variant}"}}']
        for variant in ("before", "after", "split")
    }


async def test_a_changed_flag_changes_the_metric(
    service: Service,
) -> None:
    before = {"before": 1.0, "after": 0.0, "split": 0.0}
    after = {"before": 0.0, "after": 1.0, "split": 0.0}
    assert await gauges_of(service, "orders") == after

    await service.client.put("/lab/flags/orders", json={"variant": "before"})

    await until(lambda: _shows(service, before))
    assert await gauges_of(service, "analytics") == after


@pytest.mark.parametrize(
    "targeting",
    [
        {"fractional": [["before", 25], ["after", 75]]},
        {"if": [{"in": [{"var": "targetingKey"}, ["tess"]]}, "before", None]},
    ],
    ids=["percentages", "rules about another client"],
)
async def test_a_flag_that_depends_on_the_client_is_split(
    service: Service, targeting: dict[str, object]
) -> None:
    _give_rules(service.database.settings.flags_file, targeting)

    split = {"before": 0.0, "after": 0.0, "split": 1.0}
    await until(lambda: _shows(service, split))


async def test_without_the_file_each_lesson_is_after(service: Service) -> None:
    await service.client.put("/lab/flags/orders", json={"variant": "before"})
    await until(
        lambda: _shows(service, {"before": 1.0, "after": 0.0, "split": 0.0})
    )
    service.database.settings.flags_file.unlink()

    await until(
        lambda: _shows(service, {"before": 0.0, "after": 1.0, "split": 0.0})
    )


async def test_without_the_lab_there_are_no_flags(production: Service) -> None:
    assert not any("lab_flag" in name for name in await scrape(production))


def _give_rules(file: Path, targeting: dict[str, object]) -> None:
    document = json.loads(file.read_text())
    document["flags"]["orders"]["targeting"] = targeting
    file.write_text(json.dumps(document))


async def _shows(service: Service, expected: dict[str, float]) -> bool:
    return await gauges_of(service, "orders") == expected
