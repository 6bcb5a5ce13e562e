"""Two replicas of the service: one flags file, and a name each."""

from collections.abc import Iterator
from contextlib import ExitStack
from shutil import copy

import httpx
import psycopg
import pytest

from tests.process.command import ROOT, serving, wait_until

pytestmark = pytest.mark.slow

TOKEN = "the lab's token"
NAMES = ("replica one", "replica two")

Replicas = tuple[httpx.Client, httpx.Client]


@pytest.fixture(scope="module")
def replicas(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicas]:
    """Two services that share a database and a volume, and nothing else."""
    flags = copy(ROOT / "flags.json", tmp_path_factory.mktemp("volume"))
    with ExitStack() as stack:

        def start(name: str) -> httpx.Client:
            service = stack.enter_context(
                serving(
                    DATABASE_URL=database_url,
                    LAB_ENABLED="true",
                    LAB_TOKEN=TOKEN,
                    FLAGS_FILE=str(flags),
                    REPLICA=name,
                )
            )
            return stack.enter_context(
                httpx.Client(
                    base_url=service.url,
                    headers={"Authorization": f"Bearer {TOKEN}"},
                )
            )

        one, two = map(start, NAMES)
        yield one, two


def leaks(replica: httpx.Client) -> int:
    """Ask for orders; tell how often this replica has leaked so far."""
    replica.get("/orders").raise_for_status()
    pools = replica.get("/poolwatch/loans").json()["pools"]
    return sum(pool["leaks"] for pool in pools)


def test_each_names_itself(replicas: Replicas) -> None:
    pages = [one.get("/poolwatch/loans").json() for one in replicas]

    found = [p["replica"] for page in pages for p in page["processes"]]
    assert found == list(NAMES)


def test_each_names_itself_in_the_table(replicas: Replicas) -> None:
    text = replicas[1].get(
        "/poolwatch/loans", headers={"Accept": "text/plain"}
    )

    assert text.text.startswith("replica replica two\n")


def test_the_server_knows_whose_each_connection_is(
    replicas: Replicas, database_url: str
) -> None:
    for one in replicas:
        one.get("/orders").raise_for_status()

    with psycopg.connect(database_url) as server:
        rows = server.execute("SELECT application_name FROM pg_stat_activity")
        found = [name for (name,) in rows]
    for name in NAMES:
        assert any(it.endswith(f" engine {name}") for it in found)


def test_both_follow_one_flags_file(replicas: Replicas) -> None:
    one, two = replicas
    assert leaks(one) == leaks(two) == 0

    one.put("/lab/flags/orders", json={"variant": "before"}).raise_for_status()

    wait_until(lambda: leaks(one) and leaks(two))
