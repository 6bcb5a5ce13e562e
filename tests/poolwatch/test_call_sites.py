"""The site of a loan is the application's own line, however it got there."""

import asyncio
import contextlib
import importlib
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from greenlet import greenlet
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    create_async_engine,
)
from sqlalchemy.orm import Session

import poolwatch
from poolwatch import Book, Ledger
from poolwatch import call_site as callsite
from poolwatch.call_site import sites
from poolwatch.holder import holder_stack
from tests.poolwatch.conftest import Server, only

HERE = str(Path(__file__))
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@pytest.fixture
def engine(server: Server, ledger: Ledger) -> Iterator[Engine]:
    engine = create_engine(server.engine_url("psycopg"))
    poolwatch.watch(engine, "orders", ledger)
    yield engine
    engine.dispose()


@pytest.fixture(params=["asyncpg", "psycopg"])
async def asyncio_engine(
    request: pytest.FixtureRequest, server: Server, ledger: Ledger
) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(server.engine_url(request.param))
    poolwatch.watch(engine, "orders", ledger)
    yield engine
    await engine.dispose()


def here() -> int:
    """The line that calls."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def found(ledger: Ledger) -> tuple[str, int, str]:
    site = only(ledger).site
    assert site is not None
    return site.file, site.line, site.function.rpartition(".")[2]


def test_it_is_where_the_connection_was_taken(
    engine: Engine, ledger: Ledger
) -> None:
    line = here() + 1
    with engine.connect():
        name = "test_it_is_where_the_connection_was_taken"
        assert found(ledger) == (HERE, line, name)


def test_it_is_found_from_a_greenlet_that_only_borrows(
    engine: Engine, ledger: Ledger
) -> None:
    line = here() + 1
    connection = greenlet(engine.pool.connect).switch()
    assert found(ledger)[1] == line
    connection.close()


def test_it_is_found_where_the_engine_is_asked_for_less(
    engine: Engine, ledger: Ledger
) -> None:
    line = here() + 1
    raw = engine.raw_connection()
    assert found(ledger)[1] == line
    raw.close()
    line = here() + 1
    pooled = engine.pool.connect()
    assert found(ledger)[1] == line
    pooled.close()


def test_it_is_where_a_session_first_needs_one(
    engine: Engine, ledger: Ledger
) -> None:
    with Session(engine) as session:
        line = here() + 1
        session.execute(text("SELECT 1"))
        assert found(ledger)[1] == line


async def test_it_is_found_through_greenlets(
    asyncio_engine: AsyncEngine, ledger: Ledger
) -> None:
    async with AsyncSession(asyncio_engine) as session:
        line = here() + 1
        await session.execute(text("SELECT 1"))
        name = "test_it_is_found_through_greenlets"
        assert found(ledger) == (HERE, line, name)


async def test_it_is_found_inside_run_sync(
    asyncio_engine: AsyncEngine, ledger: Ledger
) -> None:
    def work(session: Session) -> None:
        session.execute(text("SELECT 1"))

    async with AsyncSession(asyncio_engine) as session:
        await session.run_sync(work)
        assert found(ledger)[2] == "work"
        functions = [site.function for site in sites(only(ledger).stack)]
        assert functions[1] == "test_it_is_found_inside_run_sync"


async def test_it_is_found_in_an_executor(
    engine: Engine, ledger: Ledger
) -> None:
    def work() -> None:
        with engine.connect():
            assert found(ledger)[2] == "work"

    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, work)
    await asyncio.to_thread(work)
    with ThreadPoolExecutor() as executor:
        executor.submit(work).result()


def test_callers_follow_innermost_first(
    engine: Engine, ledger: Ledger
) -> None:
    @contextlib.contextmanager
    def unit_of_work() -> Iterator[Any]:
        with engine.connect() as connection:
            yield connection

    def repository() -> None:
        with unit_of_work():
            stack = sites(only(ledger).stack)
            names = [site.function.rpartition(".")[2] for site in stack]
            assert names[:3] == [
                "unit_of_work",
                "repository",
                "test_callers_follow_innermost_first",
            ]

    repository()


def test_no_library_is_in_it(engine: Engine, ledger: Ledger) -> None:
    with engine.connect():
        for site in sites(only(ledger).stack):
            assert "site-packages" not in site.file


async def test_what_lies_beyond_the_web_framework_is_not_in_it(
    engine: Engine, ledger: Ledger
) -> None:
    functions: list[str] = []

    class Route(APIRoute):
        def get_route_handler(self) -> Handler:
            plain = super().get_route_handler()

            async def beyond(request: Request) -> Response:
                return await plain(request)

            return beyond

    app = FastAPI()
    app.router.route_class = Route

    @app.get("/")
    async def handler() -> None:
        with engine.connect():
            stack = sites(only(ledger).stack)
            functions.extend(site.function for site in stack)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://service"
    ) as client:
        (await client.get("/")).raise_for_status()
    assert [name.rpartition(".")[2] for name in functions] == ["handler"]


def test_it_is_written_as_terminals_link_it(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.connect():
        line = here() - 1
        name = "test_it_is_written_as_terminals_link_it"
        monkeypatch.chdir(Path(__file__).parent)
        assert str(only(ledger).site) == (f"test_call_sites.py:{line} {name}")


def test_a_loan_of_no_line_of_ours_has_no_site(
    book: Book, ledger: Ledger
) -> None:
    with ThreadPoolExecutor() as executor:
        executor.submit(book.record_checkout, 1, None).result()
    assert only(ledger).site is None


@pytest.fixture
def book(engine: Engine, ledger: Ledger) -> Book:
    assert engine is not None
    return ledger.books["orders"]


BOOKSHOP = """
def borrow(engine):
    return engine.connect()

async def wait(event):
    await event.wait()
"""


@pytest.fixture(params=["bookshop/__init__.py", "bookshop.py"])
def installed(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ModuleType]:
    """An application as pip installs it from a registry, of one file."""
    folder = tmp_path / "site-packages"
    file = folder / request.param
    file.parent.mkdir(parents=True)
    file.write_text(BOOKSHOP)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(callsite, "_in_app", set())
    monkeypatch.setattr(callsite, "_guessed", set())
    yield importlib.import_module("bookshop")
    del sys.modules["bookshop"]


@pytest.fixture
def from_source(installed: ModuleType) -> ModuleType:
    """The same, as `pip install .` leaves it."""
    file = Path(str(installed.__file__))
    folder = next(p for p in file.parents if p.name == "site-packages")
    metadata = folder / "bookshop-1.dist-info"
    metadata.mkdir()
    origin = '{"url": "file:///srv/bookshop", "dir_info": {}}'
    (metadata / "direct_url.json").write_text(origin)
    (metadata / "RECORD").write_text(f"{file.relative_to(folder)},,\n")
    return installed


def test_an_application_that_pip_installed_from_a_folder_is_found(
    engine: Engine, ledger: Ledger, from_source: ModuleType
) -> None:
    with from_source.borrow(engine):
        assert found(ledger) == (from_source.__file__, 3, "borrow")


def test_a_library_between_the_applications_lines_is_not_found(
    engine: Engine, ledger: Ledger, installed: ModuleType
) -> None:
    with installed.borrow(engine):
        assert found(ledger)[0] == HERE


def test_an_installed_package_is_taken_for_the_application_if_nothing_else_is(
    engine: Engine,
    ledger: Ledger,
    installed: ModuleType,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is a guess, which the log tells once."""
    with ThreadPoolExecutor(1) as executor:
        for _ in range(2):
            with executor.submit(installed.borrow, engine).result():
                assert found(ledger) == (installed.__file__, 3, "borrow")
    [told] = caplog.messages
    assert "takes the installed package 'bookshop' for your" in told


@pytest.mark.parametrize("library", ["sqlalchemy_books", "pytest_books"])
def test_a_known_library_is_never_taken_for_the_application(
    engine: Engine,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
) -> None:
    file = tmp_path / "site-packages" / f"{library}.py"
    file.parent.mkdir()
    file.write_text(BOOKSHOP)
    monkeypatch.syspath_prepend(file.parent)
    borrow = importlib.import_module(library).borrow
    with (
        ThreadPoolExecutor() as executor,
        executor.submit(borrow, engine).result(),
    ):
        assert only(ledger).site is None


def test_an_installed_application_is_found_where_it_is_named(
    engine: Engine, ledger: Ledger, installed: ModuleType
) -> None:
    poolwatch.in_app("bookshop")
    with installed.borrow(engine):
        assert found(ledger) == (installed.__file__, 3, "borrow")


def test_a_package_whose_name_only_begins_like_it_stays_a_library(
    engine: Engine, ledger: Ledger, installed: ModuleType
) -> None:
    poolwatch.in_app("book")
    with installed.borrow(engine):
        assert found(ledger)[0] == HERE


async def test_a_holder_that_waits_in_a_library_is_at_its_own_line(
    engine: Engine, ledger: Ledger, installed: ModuleType
) -> None:
    waiting, event = asyncio.Event(), asyncio.Event()

    async def handler() -> None:
        with engine.connect():
            waiting.set()
            await installed.wait(event)

    task = asyncio.create_task(handler())
    await waiting.wait()
    holding = holder_stack(only(ledger))
    event.set()
    await task
    assert [site.function.rpartition(".")[2] for site in holding] == [
        "handler"
    ]


def test_what_runs_the_event_loop_has_not_called_what_that_calls(
    book: Book, ledger: Ledger
) -> None:
    async def call() -> None:
        asyncio.get_running_loop().call_soon(book.record_checkout, 1, None)
        await asyncio.sleep(0)

    poolwatch.in_app()  # what is known of each file is forgotten
    asyncio.run(call())
    assert only(ledger).site is None
