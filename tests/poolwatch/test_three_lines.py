"""Three lines find a leak, where little else than poolwatch is installed."""

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import poolwatch
from tests.documentation.blocks import block_with
from tests.documentation.shown import ANYTHING, difference

ALONE = """
import sys
from importlib.abc import MetaPathFinder

class Alone(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)

sys.meta_path.insert(0, Alone())
"""
FASTAPI = (
    *("fastapi", "starlette", "pydantic", "pydantic_core", "annotated_doc"),
    *("annotated_types", "typing_extensions", "typing_inspection", "anyio"),
    *("idna", "opentelemetry", "httpx", "httpcore", "h11", "certifi"),
)
"""What it brings along, and httpx to call it."""

SQLALCHEMY = """
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

engine = create_async_engine(DSN.replace("sql:", "sql+asyncpg:"))
app = FastAPI()
{three_lines}
@app.get("/orders/{{number}}")
async def orders(number: int) -> int:
    session = AsyncSession(engine)
    result = await session.execute(text("SELECT 42"))  # LEAK
    return result.scalar_one()
"""

ASYNCPG = """
import asyncpg
from contextlib import asynccontextmanager
from fastapi import FastAPI, Request
{three_lines}
@app.get("/orders/{{number}}")
async def orders(number: int, request: Request) -> int:
    connection = await request.state.pool.acquire()  # LEAK
    return await connection.fetchval("SELECT 42")
"""

PSYCOPG = """
from fastapi import FastAPI
from psycopg_pool import ConnectionPool

pool = ConnectionPool(DSN, open=True)
app = FastAPI()
{three_lines}
@app.get("/orders/{{number}}")
def orders(number: int) -> int:
    connection = pool.getconn()  # LEAK
    return connection.execute("SELECT 42").fetchone()[0]
"""

CALL = """
import os
from fastapi.testclient import TestClient

with TestClient(app) as client:
    print(client.get("/orders/1").text, flush=True)
    os._exit(0)  # what is leaked would keep the pool from closing
"""

AGAIN = """
import asyncpg
from contextlib import asynccontextmanager
from fastapi import FastAPI, Request
{three_lines}
@app.get("/orders/{{number}}")
async def orders(number: int, request: Request) -> int:
    return await request.state.pool.fetchval("SELECT 42")

from fastapi.testclient import TestClient

for _ in range(2):
    with TestClient(app) as client:
        answer = client.get("/orders/1").text
print(answer)
"""

SCRIPT = """
import poolwatch
from sqlalchemy import create_engine

engine = create_engine("sqlite://")
poolwatch.watch(engine)
with poolwatch.borrower("nightly job"):
    connection = engine.connect()  # LEAK
print(42)
"""


def blocks() -> list[str]:
    """The README's Python: SQLAlchemy's lines, asyncpg's, psycopg_pool's."""
    readme = Path(poolwatch.__file__).with_name("README.md").read_text()
    return re.findall(r"```python\n(.*?)```", readme, re.DOTALL)


def run(folder: Path, source: str, installed: tuple[str, ...]) -> str:
    """Run a program with few packages; give what it writes to stderr."""
    missing = {"app", "tests", *packages_distributions()} - {*installed}
    program = f"MISSING = {missing!r}\n{ALONE}{source}"
    (folder / "service.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "service.py"],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(Path(poolwatch.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "42", done.stderr
    return done.stderr


def line(folder: Path) -> int:
    """The number of the line that leaks."""
    lines = (folder / "service.py").read_text().splitlines()
    return next(n for n, text in enumerate(lines, 1) if "# LEAK" in text)


@pytest.mark.parametrize(
    ("block", "service", "packages"),
    [
        (0, SQLALCHEMY, ("sqlalchemy", "greenlet", "asyncpg")),
        (1, ASYNCPG, ("asyncpg",)),
        (2, PSYCOPG, ("psycopg_pool", "psycopg")),
    ],
)
def test_the_readmes_lines_find_a_leak_and_name_its_line(
    tmp_path: Path,
    database_url: str,
    block: int,
    service: str,
    packages: tuple[str, ...],
) -> None:
    program = service.format(three_lines=blocks()[block])
    source = f"DSN = {database_url!r}\n{program}\n{CALL}"
    logged = run(tmp_path, source, (*FASTAPI, *packages))
    assert "leak: GET /orders/{number}" in logged
    assert f"checked out at service.py:{line(tmp_path)} orders" in logged
    told = block_with("poolwatch/README.md", "leak: GET /orders/").source
    assert not difference([ANYTHING, *told.splitlines()], logged)


def test_a_service_may_begin_again_in_the_same_process(
    tmp_path: Path, database_url: str
) -> None:
    program = AGAIN.format(three_lines=blocks()[1])
    source = f"DSN = {database_url!r}\n{program}"
    run(tmp_path, source, (*FASTAPI, "asyncpg"))


def test_a_synchronous_engine_needs_no_greenlet(tmp_path: Path) -> None:
    """SQLAlchemy brings it along no more, unless asyncio is asked for."""
    logged = run(tmp_path, SCRIPT, ("sqlalchemy", "typing_extensions"))
    assert "leak: nightly job" in logged
    assert f"checked out at service.py:{line(tmp_path)}" in logged
