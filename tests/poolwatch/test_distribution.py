"""poolwatch as people install it, in virtual environments of their own."""

import os
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen
from zipfile import ZipFile

import pytest
from uv import find_uv_bin

import poolwatch
from tests.process.command import listens, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROJECT = Path(poolwatch.__file__).parent
PATIENCE = 60.0
"""Seconds that are for ever, also with both cores busy."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *arguments: object, folder: Path | None = None) -> str:
        """Run Python in a folder that has no poolwatch; give the output."""
        done = self.start(*arguments, folder=folder).communicate(timeout=300)
        return done[0]

    def start(
        self, *arguments: object, folder: Path | None = None
    ) -> subprocess.Popen[str]:
        environment = {**os.environ}
        environment.pop("PYTHONPATH", None)
        return subprocess.Popen(
            [self.python, *map(str, arguments)],
            cwd=folder or self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def install(self, *packages: object) -> None:
        uv("pip", "install", "--python", self.python, *packages)


def uv(*arguments: object) -> None:
    subprocess.run(
        [find_uv_bin(), "--quiet", *map(str, arguments)],
        check=True,
        timeout=300,
    )


def make_environment(folder: Path) -> Environment:
    venv.create(folder, symlinks=True)
    return Environment(folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as it is published."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", PROJECT, "--out-dir", folder)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """An environment with poolwatch and nothing else."""
    environment = make_environment(tmp_path_factory.mktemp("bare"))
    environment.install(wheel)
    return environment


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """An environment with poolwatch and what a service has."""
    environment = make_environment(tmp_path_factory.mktemp("full"))
    environment.install(
        *(wheel, "fastapi", "uvicorn", "sqlalchemy", "asyncpg"),
        *("pytest", "pytest-poolwatch"),
    )
    return environment


def test_the_wheel_is_small_and_has_the_package_alone(wheel: Path) -> None:
    assert wheel.name == f"poolwatch-{poolwatch.__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < 100_000
    with ZipFile(wheel) as packed:
        names = {
            name.removeprefix("poolwatch/")
            for name in packed.namelist()
            if ".dist-info/" not in name
        }
    assert names == {
        str(file.relative_to(PROJECT))
        for file in [*PROJECT.rglob("*.py"), PROJECT / "py.typed"]
    }


def test_it_is_installed_from_a_folder_of_a_git_repository(
    tmp_path: Path,
) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(
        PROJECT,
        repository / "poolwatch",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    git = shutil.which("git") or "git"
    identity = ("-c", "user.name=x", "-c", "user.email=x")
    for command in (
        ("init", "-q"),
        ("add", "."),
        (*identity, "commit", "-qm", "x"),
    ):
        subprocess.run([git, *command], cwd=repository, check=True)
    environment = make_environment(tmp_path / "environment")
    source = f"git+file://localhost{repository}#subdirectory=poolwatch"
    pip = (sys.executable, "-m", "pip", "--quiet", "--python")
    subprocess.run(
        [*pip, environment.python, "install", f"poolwatch @ {source}"],
        check=True,
        timeout=300,
    )

    version = environment.run(
        "-c", "import poolwatch as p; print(p.__version__)"
    )
    assert version.strip() == poolwatch.__version__


def test_the_core_needs_the_standard_library_alone(bare: Environment) -> None:
    told = bare.run(
        "-c",
        "import poolwatch, importlib.metadata as m;"
        "print(poolwatch.__version__ == m.version('poolwatch'))",
    )
    assert told == "True\n"


@pytest.mark.parametrize(
    ("command", "missing", "extra"),
    [
        (("-m", "poolwatch", "top", "x"), "httpx", "cli"),
        (("-c", "import poolwatch.pages.router"), "pydantic", "web"),
        (
            ("-c", "import poolwatch.metrics.prometheus"),
            *("prometheus_client", "prometheus"),
        ),
        (
            ("-c", "import poolwatch.metrics.opentelemetry"),
            *("opentelemetry", "opentelemetry"),
        ),
    ],
)
def test_a_missing_package_names_the_extra_that_brings_it(
    bare: Environment, command: tuple[str, ...], missing: str, extra: str
) -> None:
    last = bare.run(*command).splitlines()[-1]

    assert last.removeprefix("ModuleNotFoundError: ") == (
        f'{missing} is not installed: pip install "poolwatch[{extra}]"'
    )


@pytest.mark.parametrize(
    ("extra", "module"),
    [
        ("cli", "poolwatch.__main__"),
        ("web", "poolwatch.pages.router, poolwatch.pages.thread_server"),
        ("prometheus", "poolwatch.metrics.prometheus"),
        ("opentelemetry", "poolwatch.metrics.opentelemetry"),
    ],
)
def test_an_extra_brings_what_its_modules_need(
    tmp_path: Path, wheel: Path, extra: str, module: str
) -> None:
    environment = make_environment(tmp_path)
    environment.install(f"{wheel}[{extra}]")

    assert environment.run("-c", f"import {module}") == ""


TYPED = """
from sqlalchemy import create_engine
from starlette.applications import Starlette

import poolwatch

book = poolwatch.watch(create_engine("sqlite://"))
reveal_type(book)
app = Starlette()
app.add_middleware(poolwatch.Middleware)
poolwatch.watch("a URL", name=1)
"""


def test_mypy_sees_the_types_of_the_installed_package(
    full: Environment, tmp_path: Path
) -> None:
    (tmp_path / "typed.py").write_text(TYPED)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "typed.py"),
            *("--python-executable", full.python, "--cache-dir", "cache"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    told = done.stdout.splitlines()
    assert (
        told[0] == 'typed.py:8: note: Revealed type is "poolwatch.book.Book"'
    )
    assert told[1].startswith('typed.py:11: error: Argument "name" to "watch"')
    assert told[2].startswith("Found 1 error")


LEAKY = """
from sqlalchemy import create_engine

engine = create_engine("sqlite://")
kept = []

def test_leaks():
    kept.append(engine.connect())
"""


def test_the_plugin_and_pytest_poolwatch_run_side_by_side(
    full: Environment, tmp_path: Path
) -> None:
    """That is another project's package, which profiles pytest-xdist."""
    (tmp_path / "test_leaky.py").write_text(LEAKY)

    told = full.run("-m", "pytest", "--poolwatch", folder=tmp_path)

    assert "test_leaks leaked 1 × test_leaky.py:8 test_leaks" in told
    assert "PoolWatch summary" in told
    assert "1 passed, 1 error" in told


SHOP_PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "shop"
version = "1"
dependencies = ["sqlalchemy[asyncio]"]
"""
SHOP = """
import os

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

import poolwatch

engine = create_async_engine(os.environ["SHOP_DATABASE"])
app = FastAPI()
kept = []
poolwatch.watch(engine)
app.add_middleware(poolwatch.Middleware)


@app.get("/orders")
async def list_orders() -> int:
    session = AsyncSession(engine)
    kept.append(session)
    return (await session.execute(text("SELECT 42"))).scalar_one()
"""


@contextmanager
def serving(
    environment: Environment, folder: Path
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = environment.start(
        *("-m", "uvicorn", "shop:app", "--port", port), folder=folder
    )
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


def test_a_service_that_is_itself_installed_has_its_leak_named(
    full: Environment,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, empty = tmp_path / "source", tmp_path / "empty"
    (source / "shop").mkdir(parents=True)
    empty.mkdir()
    (source / "pyproject.toml").write_text(SHOP_PROJECT)
    (source / "shop" / "__init__.py").write_text(SHOP)
    full.install(source)
    url = database_url.replace("sql:", "sql+asyncpg:")
    monkeypatch.setenv("SHOP_DATABASE", url)

    with serving(full, empty) as (process, port):
        wait_until(lambda: listens(port), PATIENCE)
        with urlopen(f"http://127.0.0.1:{port}/orders") as response:
            assert response.read() == b"42"
        process.terminate()
        told, _ = process.communicate(timeout=PATIENCE)

    line = 1 + SHOP.splitlines().index(
        '    return (await session.execute(text("SELECT 42"))).scalar_one()'
    )
    [leak] = [each for each in told.splitlines() if each.startswith("leak:")]
    assert leak.startswith("leak: GET /orders, pool 'default' (backend ")
    assert f"site-packages/shop/__init__.py:{line} list_orders" in leak
    assert "takes the installed package" not in told
