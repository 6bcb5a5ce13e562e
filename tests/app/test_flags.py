"""A flag for each lesson selects its variant; the default is *after*."""

import json
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from openfeature.event import ProviderEvent

from app.flags import Flags
from app.settings import Settings
from tests.conftest import Service, until


def before_for(percent: int) -> dict[str, Any]:
    """Return a flag that sends a percentage of clients to *before*."""
    return {
        "state": "ENABLED",
        "variants": {"before": "before", "after": "after"},
        "defaultVariant": "after",
        "targeting": {
            "fractional": [["before", percent], ["after", 100 - percent]]
        },
    }


def write(file: Path, content: str | None) -> None:
    """Replace the file as an editor does, or remove it."""
    if content is None:
        file.unlink()
    else:
        file.write_text(content)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is polled ten times as often as in production."""
    monkeypatch.setattr("app.flags.POLL_SECONDS", 0.05)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The flags of the repository: *after* for all clients."""
    path = tmp_path / "flags.json"
    write(path, Path("flags.json").read_text())
    os.utime(path, (1, 1))  # old, so that every change has a newer time
    return path


@pytest.fixture
async def flags(file: Path) -> AsyncIterator[Flags]:
    """The flags of a worker that was started."""
    flags = Flags(file)
    flags.open()
    yield flags
    flags.close()


def test_all_clients_get_after_by_default(flags: Flags) -> None:
    assert flags.variant("orders", "anybody") == "after"


def test_the_file_is_read_when_the_flags_are_opened(file: Path) -> None:
    flags = Flags(file)
    flags.write({"orders": "before"})

    flags.open()

    assert flags.variant("orders", "anybody") == "before"
    flags.close()


def test_an_unknown_lesson_is_after(flags: Flags) -> None:
    assert flags.variant("no such lesson", "anybody") == "after"


async def test_a_changed_file_takes_effect_without_a_restart(
    flags: Flags, file: Path
) -> None:
    write(file, json.dumps({"flags": {"orders": before_for(100)}}))

    await until(lambda: flags.variant("orders", "anybody") == "before")


async def test_what_one_worker_writes_another_reads(
    flags: Flags, file: Path
) -> None:
    Flags(file).write({"orders": "before"})

    await until(lambda: flags.variant("orders", "anybody") == "before")
    assert flags.variant("analytics", "anybody") == "after"


async def test_a_percentage_sends_some_clients_to_before_and_some_to_after(
    flags: Flags, file: Path
) -> None:
    write(file, json.dumps({"flags": {"orders": before_for(50)}}))
    users = [f"user {number}" for number in range(200)]

    await until(
        lambda: (
            {flags.variant("orders", user) for user in users}
            == {"before", "after"}
        )
    )


async def test_a_client_gets_the_same_variant_from_each_worker(
    flags: Flags, file: Path
) -> None:
    write(file, json.dumps({"flags": {"orders": before_for(50)}}))
    users = [f"user {number}" for number in range(200)]
    other = Flags(file)
    other.open()

    await until(
        lambda: (
            [flags.variant("orders", user) for user in users]
            == [other.variant("orders", user) for user in users]
            != ["after"] * 200
        )
    )
    other.close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The service starts with half of its clients on *before*."""
    half = json.dumps({"flags": {"orders": before_for(50)}})
    write(settings.flags_file, half)
    return settings


async def test_a_header_names_the_client(
    service: Service, settings: Settings
) -> None:
    users = [f"user {number}" for number in range(8)]
    flags = Flags(settings.flags_file)
    flags.open()
    chosen = {user: flags.variant("orders", user) for user in users}
    flags.close()
    assert set(chosen.values()) == {"before", "after"}

    for user in users:
        lent = len(service.loans)
        await service.client.get("/orders", headers={"x-user-id": user})
        await service.at_rest()

        leaked = len(service.loans) > lent
        assert leaked is (chosen[user] == "before")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{", id="no JSON"),
        pytest.param('{"flags": {"orders": {"state": 1}}}', id="not flagd's"),
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param(None, id="missing"),
    ],
)
async def test_an_invalid_file_means_after_and_is_logged_once(
    flags: Flags,
    file: Path,
    content: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    flags.write({"orders": "before"})
    await until(lambda: flags.variant("orders", "anybody") == "before")
    looks: list[object] = []
    flags._client.add_handler(ProviderEvent.PROVIDER_ERROR, looks.append)

    write(file, content)
    await until(lambda: len(looks) > 2)

    assert flags.variant("orders", "anybody") == "after"
    assert len(caplog.messages) == 1
    assert str(file) in caplog.text


async def test_a_missing_file_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flags = Flags(tmp_path / "missing.json")
    looks: list[object] = []
    flags._client.add_handler(ProviderEvent.PROVIDER_ERROR, looks.append)

    flags.open()
    await until(lambda: len(looks) > 2)

    assert flags.variant("orders", "anybody") == "after"
    assert len(caplog.messages) == 1
    flags.close()


async def test_a_repaired_file_is_read_again(
    flags: Flags, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.flags")
    write(file, "{")
    await until(lambda: "every lesson serves *after*" in caplog.text)

    flags.write({"orders": "before"})

    await until(lambda: "read again" in caplog.text)
    assert flags.variant("orders", "anybody") == "before"
    assert [record.levelname for record in caplog.records] == [
        "WARNING",
        "INFO",
    ]


async def test_a_file_that_breaks_again_is_logged_again(
    flags: Flags, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for times in (1, 2):
        write(file, "{")
        await until(lambda: len(caplog.messages) == times)  # noqa: B023

        flags.write({"orders": "before"})
        await until(lambda: flags.variant("orders", "anybody") == "before")


def test_writing_keeps_the_other_flags(file: Path) -> None:
    write(file, json.dumps({"flags": {"analytics": before_for(10)}}))

    Flags(file).write({"orders": "before"})

    found = json.loads(file.read_text())["flags"]
    assert found["analytics"] == before_for(10)
    assert found["orders"]["defaultVariant"] == "before"


def test_a_reader_never_sees_half_of_a_write(file: Path) -> None:
    old = file.read_text()
    with file.open() as reader:
        Flags(file).write({"orders": "before"})

        assert reader.read() == old
    assert file.read_text() != old


def test_a_write_leaves_no_other_file(file: Path) -> None:
    Flags(file).write({"orders": "before"})

    assert list(file.parent.iterdir()) == [file]
