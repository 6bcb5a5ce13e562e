"""The test that leaks is blamed, with its line, and no other test."""

import pytest

from tests.poolwatch.plugin.conftest import CARELESS, Suite

pytest_plugins = ["pytester"]


def test_the_test_that_leaks_fails_and_the_next_does_not(
    suite: Suite,
) -> None:
    run = suite.run(
        """
        def test_before():
            with engine.connect():
                pass

        def test_leaks():
            kept.append(engine.connect())  # LEAK

        def test_after():
            with engine.connect():
                kept.clear()
        """
    )
    assert run.blamed == {"test_leaks"}
    assert run.outcomes == {"passed": 3, "errors": 1}


def test_every_kind_of_pool_is_watched_without_being_handed_over(
    suite: Suite,
) -> None:
    """Also where a conftest imports the application before all else."""
    suite.pytester.makeconftest("from tests.poolwatch.plugin import shop")
    run = suite.run(
        """
        def test_engine():
            kept.append(engine.connect())  # LEAK

        async def test_async_engine():
            kept.append(await async_engine.connect())  # LEAK

        async def test_asyncpg_pool():
            pool = await asyncpg.create_pool(URL, min_size=1, max_size=2)
            kept.append(await pool.acquire())  # LEAK

        async def test_asyncpg_connect():
            kept.append(await connect(URL))  # LEAK

        def test_psycopg_pool():
            with psycopg_pool.ConnectionPool(URL, min_size=1) as pool:
                kept.append(pool.getconn())  # LEAK

        async def test_async_psycopg_pool():
            async with psycopg_pool.AsyncConnectionPool(URL) as pool:
                kept.append(await pool.getconn())  # LEAK
        """
    )
    assert run.lines == run.marked
    assert run.outcomes == {"passed": 6, "errors": 6}


def test_a_leaking_handler_is_named_by_file_line_and_function(
    suite: Suite,
) -> None:
    run = suite.run(
        """
        import httpx
        from tests.poolwatch.plugin.web import app, get

        def test_client():
            assert get("/careless") == 1

        async def test_async_client():
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://shop"
            ) as client:
                assert (await client.get("/careless")).json() == 1
        """
    )
    assert run.blamed == {"test_client", "test_async_client"}
    assert run.lines == {CARELESS}


@pytest.mark.slow
def test_watching_an_engine_of_its_own_finds_nothing(suite: Suite) -> None:
    """The mistake of the write-up, beside the plugin on the same test."""
    tests = """
        from tests.poolwatch.plugin.web import get

        @pytest.fixture(autouse=True)
        def detect_connection_leaks():
            own = create_engine(engine.url)
            before = own.pool.checkedout()
            yield
            assert own.pool.checkedout() <= before

        def test_careless():
            assert get("/careless") == 1
        """
    assert suite.run(tests, plugin=()).outcomes == {"passed": 1}
    assert suite.run(tests).blamed == {"test_careless"}


def test_what_the_garbage_collector_closes_is_a_leak(suite: Suite) -> None:
    """It was not returned, even if a collection runs before the test ends."""
    run = suite.run(
        """
        def test_dropped():
            Session(engine).execute(ONE)  # LEAK
            gc.collect()
            assert engine.pool.checkedout() == 0

        async def test_dropped_in_asyncio():
            await AsyncSession(async_engine).execute(ONE)  # LEAK
            gc.collect()

        async def test_dropped_without_a_pool():
            await connect(URL)  # LEAK
        """
    )
    assert run.outcomes == {"passed": 3, "errors": 3}
    assert run.lines == run.marked
    assert {loan["kind"] for t in run.report for loan in t["loans"]} == {
        "garbage collected"
    }


@pytest.mark.slow
def test_what_a_traceback_kept_alive_is_not_the_next_tests_leak(
    suite: Suite,
) -> None:
    """A failed test's frames live until the next fails, and go amid it."""
    run = suite.run(
        """
        def test_fails():
            session = Session(engine)
            session.execute(ONE)  # LEAK
            raise ValueError

        def test_next():
            with engine.connect():
                vars(sys).pop("last_value", None)
                vars(sys).pop("last_traceback", None)
                kept.clear()
                gc.collect()
        """
    )
    assert [leaks["who"] for leaks in run.report] == ["test_fails"]
    assert run.outcomes == {"passed": 1, "failed": 1}


@pytest.mark.slow
def test_a_failed_test_is_not_blamed_twice(suite: Suite) -> None:
    run = suite.run(
        """
        def test_fails():
            kept.append(engine.connect())  # LEAK
            raise ValueError("its own failure")
        """
    )
    assert run.outcomes == {"failed": 1}
    own = run.output.index("ValueError: its own failure")
    assert own < run.output.index("Captured leaks teardown")
    (line,) = run.marked
    assert f"test_fails leaked 1 × {line} test_fails" in run.output


def test_only_the_parameter_that_leaks_fails(suite: Suite) -> None:
    run = suite.run(
        """
        from tests.poolwatch.plugin.web import get

        @pytest.mark.parametrize("path", ["/careful", "/careless"])
        def test_shop(path):
            assert get(path) == 1
        """
    )
    assert run.blamed == {"test_shop[/careless]"}
