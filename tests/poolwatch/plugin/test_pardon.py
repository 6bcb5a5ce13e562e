"""A test that returns its connections in the end is not blamed."""

import pytest

from tests.poolwatch.plugin.conftest import Suite

pytest_plugins = ["pytester"]


def test_whoever_gives_back_passes(suite: Suite) -> None:
    run = suite.run(
        """
        def test_engine():
            with Session(engine) as session:
                session.execute(ONE)

        async def test_async_engine():
            async with AsyncSession(async_engine) as session:
                await session.execute(ONE)

        async def test_connection_that_is_taken_out_of_its_pool():
            async with async_engine.connect() as connection:
                await connection.invalidate()

        async def test_connection_that_somebody_else_makes():
            made = create_async_engine(
                "postgresql+asyncpg://",
                async_creator=lambda *_, **__: connect(URL),
            )
            async with made.connect() as connection:
                await connection.execute(ONE)
            kept.append(made)  # and its idle connection with it

        async def test_asyncpg_pool():
            async with asyncpg.create_pool(URL, min_size=1) as pool:
                await pool.fetchval("SELECT 1")
                connection = await pool.acquire()
                connection.terminate()

        async def test_asyncpg_pool_that_has_a_function_connect():
            async def with_a_token(*args, **settings):
                return await connect(*args, **settings)

            pool = await asyncpg.create_pool(
                URL, min_size=1, connect=with_a_token
            )
            await pool.fetchval("SELECT 1")
            kept.append(pool)  # and its idle connection with it

        async def test_asyncpg_connect():
            connection = await connect(URL)
            await connection.close()

        def test_psycopg_pool():
            with psycopg_pool.ConnectionPool(URL, min_size=1) as pool:
                with pool.connection() as connection:
                    connection.execute("SELECT 1")

        async def test_async_psycopg_pool():
            async with psycopg_pool.AsyncConnectionPool(URL) as pool:
                async with pool.connection() as connection:
                    await connection.execute("SELECT 1")

        def test_request():
            from tests.poolwatch.plugin.web import get

            assert get("/careful") == 1
        """
    )
    assert run.outcomes == {"passed": 10}
    assert run.report == []


@pytest.mark.slow
def test_fixtures_are_charged_for_their_own_loans(suite: Suite) -> None:
    """One that outlives the test when it ends, the others with the test."""
    run = suite.run(
        """
        @pytest.fixture(scope="module")
        def held():
            with engine.connect() as connection:
                yield connection

        @pytest.fixture(scope="module")
        def lazy():
            with Session(engine) as session:
                yield session

        @pytest.fixture(scope="class")
        def careless_fixture():
            kept.append(engine.connect())  # LEAK
            yield
            kept.append(engine.connect())  # LEAK

        @pytest.fixture
        def careful():
            with engine.connect() as connection:
                yield connection

        @pytest.fixture
        def careless_teardown():
            yield
            kept.append(engine.connect())  # LEAK

        def test_held(held, careful):
            pass

        def test_lazy(lazy):
            lazy.execute(ONE)

        class TestClass:
            def test_first(self, careless_fixture):
                pass

            def test_second(self, held):
                pass

        def test_teardown(careless_teardown):
            pass
        """
    )
    assert run.lines == run.marked
    assert {leaks["nodeid"]: leaks["who"] for leaks in run.report} == {
        "test_shop.py::TestClass::test_second": "fixture 'careless_fixture'",
        "test_shop.py::test_teardown": "test_teardown",
    }


@pytest.mark.slow
def test_loans_on_their_way_back_are_waited_for(suite: Suite) -> None:
    run = suite.run(
        """
        def test_thread():
            def work():
                with engine.connect():
                    borrowed.set()
                    ended.wait(10)

            borrowed, ended = threading.Event(), threading.Event()
            threading.Thread(target=work).start()
            borrowed.wait(10)
            threading.Timer(0.05, ended.set).start()

        @pytest.mark.asyncio(loop_scope="module")
        async def test_task_of_a_loop_that_goes_on():
            borrowed = asyncio.Event()

            async def work():
                async with async_engine.connect():
                    borrowed.set()
                    await asyncio.sleep(0.05)

            kept.append(asyncio.create_task(work()))
            await borrowed.wait()

        async def test_task_that_ends_with_its_loop():
            borrowed = asyncio.Event()

            async def work():
                async with async_engine.connect():
                    borrowed.set()
                    await asyncio.Event().wait()  # for ever

            kept.append(asyncio.create_task(work()))
            await borrowed.wait()
        """,
        *("-o", "poolwatch_grace=20"),
    )
    assert run.outcomes == {"passed": 3}
    assert run.report == []


@pytest.mark.slow
def test_a_pool_the_application_watches_is_not_counted_twice(
    suite: Suite,
) -> None:
    run = suite.run(
        """
        import poolwatch
        from tests.poolwatch.plugin.web import app, get

        poolwatch.watch(async_engine, "engine")
        poolwatch.watch(asyncpg, "unpooled")
        app.add_middleware(poolwatch.Middleware)

        def test_careless():
            assert get("/careless") == 1
            assert poolwatch.default_ledger.leaks == 1

        async def test_pool():
            async with asyncpg.create_pool(URL, min_size=1) as pool:
                book = poolwatch.watch(pool, "pool")
                async with pool.acquire():
                    assert len(book.loans) == 1
                assert not book.loans

        def test_psycopg_pool():
            with psycopg_pool.ConnectionPool(URL, min_size=1) as pool:
                book = poolwatch.watch(pool, "psycopg pool")
                with pool.connection():
                    assert len(book.loans) == 1
                assert not book.loans

        async def test_async_psycopg_pool():
            async with psycopg_pool.AsyncConnectionPool(URL) as pool:
                book = poolwatch.watch(pool, "async psycopg pool")
                async with pool.connection():
                    assert len(book.loans) == 1
                assert not book.loans
        """
    )
    assert run.blamed == {"test_careless"}
    (leaks,) = run.report
    assert [loan["borrower"] for loan in leaks["loans"]] == ["GET /careless"]


@pytest.mark.slow
def test_a_pool_is_not_kept_alive(suite: Suite) -> None:
    run = suite.run(
        """
        import weakref

        def test_engine():
            mine = create_engine(engine.url)
            with mine.connect():
                pass
            pool = weakref.ref(mine.pool)
            del mine
            gc.collect()
            assert pool() is None
        """
    )
    assert run.outcomes == {"passed": 1}


def test_a_test_may_leak_where_it_is_marked(suite: Suite) -> None:
    run = suite.run(
        """
        @pytest.mark.allow_leaks(reason="the leak is the lesson")
        def test_leaks():
            kept.append(engine.connect())  # LEAK
        """
    )
    assert run.outcomes == {"passed": 1}
    assert run.report[0]["allowed"] == "the leak is the lesson"


def test_what_is_kept_on_purpose_is_no_leak(suite: Suite) -> None:
    run = suite.run(
        """
        import poolwatch

        def test_listens():
            with poolwatch.intended("listen for orders"):
                kept.append(engine.connect())
        """
    )
    assert run.outcomes == {"passed": 1}
    assert run.report == []


def test_an_application_is_made_for_each_test(suite: Suite) -> None:
    """As a factory does, whose pool has the same name each time."""
    run = suite.run(
        """
        import poolwatch
        from contextlib import asynccontextmanager
        from fastapi import FastAPI
        from fastapi.testclient import TestClient

        def create_app():
            mine = create_engine(engine.url)
            poolwatch.watch(mine)

            @asynccontextmanager
            async def lifespan(app):
                yield
                mine.dispose()

            app = FastAPI(lifespan=lifespan)
            app.add_middleware(poolwatch.Middleware)

            @app.get("/")
            def root() -> int:
                with mine.connect() as connection:
                    return connection.execute(ONE).scalar_one()

            return app

        @pytest.mark.parametrize("number", range(3))
        def test_root(number):
            with TestClient(create_app()) as client:
                assert client.get("/").json() == 1
        """
    )
    assert run.outcomes == {"passed": 3}
