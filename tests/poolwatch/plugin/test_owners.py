"""A loan is charged to the test or fixture whose task or thread took it."""

import pytest

from tests.poolwatch.plugin.conftest import CARELESS, Suite

pytest_plugins = ["pytester"]

POLLERS = """
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from fastapi import FastAPI
from fastapi.testclient import TestClient

go, borrowed, stop = (threading.Event() for _ in range(3))

def poll():
    go.wait(10)
    connection = engine.connect()  # LEAK
    kept.append(connection)
    borrowed.set()
    stop.wait(10)
    if RETURNS:
        connection.close()

@pytest.fixture(scope="module")
def task():
    @asynccontextmanager
    async def lifespan(app):
        async def run():
            while not go.is_set():
                await asyncio.sleep(0.005)
            connection = await async_engine.connect()  # LEAK
            kept.append(connection)
            borrowed.set()
            while not stop.is_set():
                await asyncio.sleep(0.005)
            if RETURNS:
                await connection.close()

        task = asyncio.create_task(run())
        yield
        stop.set()
        await task

    with TestClient(FastAPI(lifespan=lifespan)):
        yield

@pytest.fixture(scope="module")
def thread():
    thread = threading.Thread(target=poll)
    thread.start()
    yield
    stop.set()
    thread.join()

@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor() as executor:
        job = executor.submit(poll)
        yield
        stop.set()
        job.result()

@pytest.fixture(autouse=True)
def poller(request):
    return request.getfixturevalue(POLLER)

def test_it_borrows_while_this_runs():
    go.set()
    borrowed.wait(10)

def test_it_still_holds_it_while_this_runs():
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["task", "thread", "executor"])
def test_the_poller_of_a_modules_fixture_fails_no_test(
    suite: Suite, poller: str
) -> None:
    run = suite.run(f"POLLER, RETURNS = {poller!r}, True\n{POLLERS}")

    assert run.outcomes == {"passed": 2}
    assert run.report == []


@pytest.mark.parametrize("poller", ["task", "thread", "executor"])
def test_a_poller_that_leaks_is_its_fixtures(
    suite: Suite, poller: str
) -> None:
    run = suite.run(f"POLLER, RETURNS = {poller!r}, False\n{POLLERS}")

    [leaks] = run.report
    assert leaks["who"] == f"fixture {poller!r}"
    assert run.lines < run.marked


@pytest.mark.slow
def test_a_task_that_outlives_its_test_is_not_the_next_tests(
    suite: Suite,
) -> None:
    run = suite.run(
        """
        go, borrowed = threading.Event(), threading.Event()

        def test_starts_it():
            def work():
                go.wait(10)
                kept.append(engine.connect())  # LEAK
                borrowed.set()

            threading.Thread(target=work).start()

        def test_runs_meanwhile():
            go.set()
            borrowed.wait(10)
        """
    )
    assert run.outcomes == {"passed": 2}


SERVER = """
import socket
import httpx
import uvicorn
import poolwatch
from tests.poolwatch.plugin.web import app

@pytest.fixture(scope="module")
def url():
    if MIDDLEWARE:
        app.add_middleware(poolwatch.Middleware)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)

def test_careful(url):
    assert httpx.get(f"{url}/careful", timeout=30).json() == 1

def test_careless(url):
    assert httpx.get(f"{url}/careless", timeout=30).json() == 1

def test_last(url):
    pass
"""


@pytest.mark.parametrize(
    ("middleware", "who"), [(True, "test_careless"), (False, "fixture 'url'")]
)
def test_a_request_to_a_server_of_a_fixture_is_its_tests_if_it_is_known(
    suite: Suite, *, middleware: bool, who: str
) -> None:
    run = suite.run(f"MIDDLEWARE = {middleware}\n{SERVER}")

    assert [leaks["who"] for leaks in run.report] == [who]
    assert run.lines == {CARELESS}


@pytest.mark.slow
def test_a_pool_has_one_name_in_finding_and_log(suite: Suite) -> None:
    run = suite.run(
        """
        import poolwatch

        poolwatch.watch(engine, "engine of the shop")
        poolwatch.watch(async_engine, "async engine of the shop")

        def test_engine():
            with poolwatch.borrower("job"):
                kept.append(engine.connect())  # LEAK

        async def test_async_engine():
            with poolwatch.borrower("job"):
                kept.append(await async_engine.connect())  # LEAK

        async def test_asyncpg():
            pool = await asyncpg.create_pool(URL, min_size=1)
            poolwatch.watch(pool, "asyncpg of the shop")
            with poolwatch.borrower("job"):
                kept.append(await pool.acquire())  # LEAK

        def test_psycopg():
            with psycopg_pool.ConnectionPool(URL, min_size=1) as pool:
                poolwatch.watch(pool, "psycopg of the shop")
                with poolwatch.borrower("job"):
                    kept.append(pool.getconn())  # LEAK

        async def test_async_psycopg():
            async with psycopg_pool.AsyncConnectionPool(URL) as pool:
                poolwatch.watch(pool, "async psycopg of the shop")
                with poolwatch.borrower("job"):
                    kept.append(await pool.getconn())  # LEAK
        """
    )
    loans = [loan for leaks in run.report for loan in leaks["loans"]]
    assert len(loans) == 5
    for loan in loans:
        assert loan["pool"].endswith(" of the shop")
        told = f"leak: job, pool {loan['pool']!r} (backend {loan['pid']})"
        lines = [line for line in run.output.splitlines() if told in line]
        # In CI, pytest repeats the error in its summary.
        assert any(line.strip().startswith("leak:") for line in lines), told
        assert any(line.startswith("WARNING") for line in lines), told


def test_a_grace_that_is_no_number_is_one_clear_line(suite: Suite) -> None:
    run = suite.run("", *("-o", "poolwatch_grace=soon"))

    assert run.result.stderr.str().splitlines() == [
        "ERROR: poolwatch_grace is seconds, and not 'soon'"
    ]
