"""Requests that schemathesis makes up, against what OpenAPI promises."""

import asyncio
import gc
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from app.lessons.provider import Provider
from app.settings import Settings
from tests.conftest import TOKEN, running
from tests.garbage import ignored_warnings

CONFIGURATION = Path(__file__).with_suffix(".toml")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("lab_enabled", [False, True])
async def test_the_service_does_what_its_document_says(
    settings: Settings,
    lab_enabled: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Provider, "PATIENCE", 0.1)
    update = {"lab_enabled": lab_enabled, "pool_timeout": 0.1}
    with ignored_warnings():  # about the leaks of *before*
        async with running(settings.model_copy(update=update)) as service:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", CONFIGURATION, "run"),
                str(service.client.base_url.join("/openapi.json")),
                *("--header", f"Authorization: Bearer {TOKEN}"),
                *("--phases", "examples,coverage,fuzzing"),
                # A request may wait until the lab unlocks the orders.
                *("--request-timeout", "60", "--max-examples", "10"),
                *("--continue-on-failure", "--no-color"),
                cwd=tmp_path,
                stdout=PIPE,
                stderr=STDOUT,
            )
            told, _ = await process.communicate()
        gc.collect()

    assert process.returncode == 0, told.decode()
    assert "unresolv" not in told.decode().lower()
