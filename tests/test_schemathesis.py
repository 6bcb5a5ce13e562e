"""Requests that schemathesis makes up, against what OpenAPI promises."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT

import pytest

from app.lessons.provider import Provider
from app.settings import Settings
from tests.conftest import TOKEN, running


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("lab_enabled", [False, True])
async def test_the_service_does_what_its_document_says(
    settings: Settings,
    lab_enabled: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Provider, "PATIENCE", 0.1)
    update = {"lab_enabled": lab_enabled, "pool_timeout": 0.1}
    async with running(settings.model_copy(update=update)) as service:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", "tests/schemathesis.toml", "run"),
            str(service.client.base_url.join("/openapi.json")),
            *("--header", f"Authorization: Bearer {TOKEN}"),
            # A request may wait until the lab lets go of the orders.
            *("--request-timeout", "60", "--max-examples", "10"),
            *("--continue-on-failure", "--no-color"),
            stdout=PIPE,
            stderr=STDOUT,
        )
        told, _ = await process.communicate()

        assert process.returncode == 0, told.decode()
        assert "unresolv" not in told.decode().lower()
