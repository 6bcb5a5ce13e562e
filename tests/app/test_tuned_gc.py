"""The garbage collector is tuned where no lesson needs Python's defaults."""

import gc

import pytest

from app.settings import Settings
from app.tuned_gc import THRESHOLDS
from tests.conftest import running


@pytest.mark.parametrize(
    ("lab_enabled", "tune_gc", "tuned"),
    [
        (False, None, True),
        (False, False, False),
        (True, None, False),
        (True, True, True),
    ],
)
async def test_gc_is_tuned_while_the_service_runs(
    settings: Settings,
    lab_enabled: bool,  # noqa: FBT001
    tune_gc: bool | None,  # noqa: FBT001
    tuned: bool,  # noqa: FBT001
) -> None:
    gc.unfreeze()  # what earlier tests have frozen
    defaults = gc.get_threshold()
    update = {"lab_enabled": lab_enabled, "tune_gc": tune_gc}

    async with running(settings.model_copy(update=update)):
        assert gc.get_threshold() == (THRESHOLDS if tuned else defaults)
        assert bool(gc.get_freeze_count()) == tuned

    assert gc.get_threshold() == defaults
    assert not gc.get_freeze_count()
