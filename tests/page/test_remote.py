"""What the page's process asks of the service, and makes of the answer."""

import json
from typing import Any

import pytest

from app.flags import Flags
from app.settings import Settings
from lab.page.remote import Remote
from tests.conftest import TOKEN, Service

BEFORE = {
    "state": "ENABLED",
    "variants": {"before": "before", "after": "after"},
    "defaultVariant": "before",
}


async def flags_of(service: Service) -> dict[str, str]:
    url = str(service.client.base_url)
    async with Remote(url, url, TOKEN) as remote:
        return await remote.flags()


@pytest.mark.usefixtures("dead_proxy")
async def test_a_proxy_is_not_asked_for_this_machine(service: Service) -> None:
    assert "orders" in await flags_of(service)


@pytest.mark.parametrize(
    "edited",
    [
        BEFORE,
        BEFORE | {"defaultVariant": "after"},
        BEFORE | {"state": "DISABLED"},
        {name: BEFORE[name] for name in ("state", "variants")},
    ],
    ids=["before", "after", "disabled", "no default"],
)
async def test_an_edited_flag_is_read_as_the_service_reads_it(
    service: Service, settings: Settings, edited: dict[str, Any]
) -> None:
    settings.flags_file.write_text(json.dumps({"flags": {"orders": edited}}))
    flags = Flags(settings.flags_file)
    flags.open()
    answers = flags.variant("orders", "anybody")
    flags.close()

    assert await flags_of(service) == {"orders": answers}
