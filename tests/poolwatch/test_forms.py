"""Either page as JSON or as a table, and who may see it."""

import pytest

from poolwatch.pages import tables
from tests.conftest import Service
from tests.poolwatch.pages import exhaust, leak, text


@pytest.mark.parametrize("page", ["loans", "leaks"])
async def test_text_is_a_table_for_a_terminal(
    service: Service, page: str
) -> None:
    await leak(service)

    lines = (await text(service, page)).splitlines()

    # Who answers stands above the table of loans.
    assert any(line.startswith("PROCESS  POOL") for line in lines[:2])
    assert max(map(len, lines)) <= tables.WIDTH
    assert any("app/orders/before.py:" in line for line in lines)


async def test_the_table_says_why_borrowers_wait(service: Service) -> None:
    await exhaust(service)

    assert "leak: 6 of 6 loans" in await text(service, "loans")


async def test_the_table_says_what_the_server_sees(service: Service) -> None:
    await leak(service)

    assert "idle in transaction: SELECT" in await text(service, "loans")


async def test_the_table_hands_no_control_characters_on(
    service: Service,
) -> None:
    async with service.database.pool.acquire() as connection:
        await connection.execute("SELECT '\x1b[2J'")
        assert "\x1b" not in await text(service, "loans")


async def test_brackets_in_a_query_are_shown_as_they_are(
    service: Service,
) -> None:
    async with service.database.pool.acquire() as connection:
        await connection.execute("SELECT '[bold]'")
        assert "[bold]" in await text(service, "loans")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/plain; charset=utf-8, */*", "text/plain; charset=utf-8"),
    ],
)
async def test_answers_json_unless_text_is_asked_for(
    service: Service, accept: str, kind: str
) -> None:
    answer = await service.client.get(
        "/poolwatch/loans", headers={"Accept": accept}
    )

    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("page", ["loans", "leaks"])
async def test_wants_the_labs_token(service: Service, page: str) -> None:
    answer = await service.client.get(
        f"/poolwatch/{page}", headers={"Authorization": "Bearer wrong"}
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("page", ["loans", "leaks"])
async def test_is_not_there_where_the_lab_is_off(
    production: Service, page: str
) -> None:
    answer = await production.client.get(f"/poolwatch/{page}")

    assert answer.status_code == 404


@pytest.mark.parametrize("page", ["loans", "leaks"])
async def test_the_document_has_both_forms(
    service: Service, page: str
) -> None:
    document = (await service.client.get("/openapi.json")).json()

    content = document["paths"][f"/poolwatch/{page}"]["get"]["responses"][
        "200"
    ]["content"]
    assert content.keys() == {"application/json", "text/plain"}
    assert content["application/json"]["schema"]["$ref"].endswith(
        f"/{page.capitalize()}Page"
    )
