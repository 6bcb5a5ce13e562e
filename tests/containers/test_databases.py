"""Each service has its database, its flags, and enough connections."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.database.budget import Budget, Limits
from app.settings import Settings
from tests.containers import compose, dockerfile
from tests.containers.compose import OURS, SERVICES, SERVING
from tests.containers.ports import LISTENING, PGBOUNCER


@pytest.mark.parametrize("name", OURS)
def test_service_reaches_the_database_that_compose_starts(name: str) -> None:
    environment = OURS[name]["environment"]
    direct = environment.get("DATABASE_DIRECT_URL")
    for given in filter(None, [environment["DATABASE_URL"], direct]):
        url = make_url(given)
        upstream = "db" if url.host == "pgbouncer" else str(url.host)
        made = SERVICES[upstream]["environment"]
        assert (url.username, url.password, url.database, url.port) == (
            made["POSTGRES_USER"],
            made["POSTGRES_PASSWORD"],
            made["POSTGRES_DB"],
            LISTENING[str(url.host)],
        )


def test_only_replicas_use_pgbouncer_and_have_a_direct_url() -> None:
    through = {
        name
        for name, it in OURS.items()
        if make_url(it["environment"]["DATABASE_URL"]).host == "pgbouncer"
    }
    assert through == {
        name
        for name, it in OURS.items()
        if "DATABASE_DIRECT_URL" in it["environment"]
    }
    assert through == {"replica"}


def test_before_and_after_share_no_database_and_no_flags() -> None:
    here, there = SERVICES["app"], SERVICES["app-before"]
    assert set(here["volumes"]).isdisjoint(there["volumes"])
    assert make_url(here["environment"]["DATABASE_URL"]).host == "db"
    assert make_url(there["environment"]["DATABASE_URL"]).host == "db-before"


def test_replicas_share_their_flags() -> None:
    assert SERVICES["replica"]["volumes"] == SERVICES["app"]["volumes"]


@pytest.mark.parametrize("name", SERVING)
def test_flag_file_is_in_a_volume_because_the_rest_is_read_only(
    name: str,
) -> None:
    folder = Path(dockerfile.environment()["FLAGS_FILE"]).parent
    assert str(folder) in compose.mounts(name)


def test_pgbouncer_connects_to_the_server_of_the_replicas() -> None:
    upstream = dict(
        pair.split("=", 1)
        for pair in PGBOUNCER["databases"]["*"]
        .split(" connect_query")[0]
        .split()
    )
    direct = make_url(
        SERVICES["replica"]["environment"]["DATABASE_DIRECT_URL"]
    )
    assert upstream == {"host": direct.host, "port": str(direct.port)}


def test_all_pools_fit_the_server_and_pgbouncer() -> None:
    def settings(name: str) -> Settings:
        return Settings(
            lab_token="any",
            **{
                variable.lower(): value
                for variable, value in SERVICES[name]["environment"].items()
                if variable != "LAB_TOKEN"
            },
        )

    replicas = Budget(
        settings("replica"),
        Limits(),
        SERVICES["replica"]["deploy"]["replicas"],
    )
    pool_size = PGBOUNCER.getint("pgbouncer", "default_pool_size")
    through = replicas.through_pgbouncer(pool_size)
    beside = Budget(settings("app"), Limits()).direct
    assert through + beside <= Limits().free
    most = PGBOUNCER.getint("pgbouncer", "max_client_conn")
    assert replicas.clients <= most
