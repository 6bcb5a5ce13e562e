"""Three lines find a leak, where little else than poolwatch is installed."""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import poolwatch

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

SERVICE = """
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

engine = create_async_engine(URL.replace("sql:", "sql+asyncpg:"))
app = FastAPI()

import poolwatch
poolwatch.watch(engine)
app.add_middleware(poolwatch.Middleware)

@app.get("/orders/{number}")
async def orders(number: int) -> int:
    session = AsyncSession(engine)
    result = await session.execute(text("SELECT 42"))  # LEAK
    return result.scalar_one()

import asyncio, httpx

async def call():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport) as client:
        print((await client.get("http://shop/orders/1")).text)

asyncio.run(call())
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


def test_three_lines_find_a_leak_and_name_its_line(
    tmp_path: Path, database_url: str
) -> None:
    service = f"URL = {database_url!r}\n{SERVICE}"
    installed = (*FASTAPI, "sqlalchemy", "greenlet", "asyncpg")
    logged = run(tmp_path, service, installed)
    assert "leak: GET /orders/{number}" in logged
    assert f"borrowed at service.py:{line(tmp_path)} orders" in logged


def test_a_synchronous_engine_needs_no_greenlet(tmp_path: Path) -> None:
    """SQLAlchemy brings it along no more, unless asyncio is asked for."""
    logged = run(tmp_path, SCRIPT, ("sqlalchemy", "typing_extensions"))
    assert "leak: nightly job" in logged
    assert f"borrowed at service.py:{line(tmp_path)}" in logged
