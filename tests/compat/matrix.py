"""The versions that poolwatch is tested with."""

from dataclasses import dataclass

LIBRARIES = {
    "asyncpg": ("test_asyncpg.py",),
    "SQLAlchemy": ("test_sqlalchemy.py", "test_sqlalchemy_asyncio.py"),
    "psycopg": ("test_psycopg.py",),
    "psycopg_pool": ("test_psycopg.py", "test_psycopg_asyncio.py"),
    "FastAPI": ("test_requests.py", "test_call_sites.py"),
}
"""The tests in tests/poolwatch that speak for a library."""
TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "greenlet", "httpx")
"""What the tests need beside the libraries."""
ANY = ""
"""The newest version that there is."""


@dataclass(frozen=True, slots=True)
class Row:
    """One virtual environment; each version is a specifier for pip."""

    python: str
    asyncpg: str = ANY
    sqlalchemy: str = ANY
    psycopg: str = ANY
    psycopg_pool: str = ANY
    fastapi: str = ANY

    @property
    def requirements(self) -> list[str]:
        """What to install."""
        return [
            *TOOLS,
            f"asyncpg{self.asyncpg}",
            f"sqlalchemy{self.sqlalchemy}",
            f"psycopg[binary]{self.psycopg}",
            f"psycopg-pool{self.psycopg_pool}",
            f"fastapi{self.fastapi}",
        ]


def rows(pythons: list[str]) -> list[Row]:
    """List the environments: old versions in the oldest Python, new in all.

    Versions of one time share a row, as they do in a service of that time.
    """
    oldest = pythons[0]
    return [
        Row(oldest, "==0.27.*", "==2.0.0", "==3.1.*", "==3.1.*", "==0.100.*"),
        Row(oldest, "==0.29.*", "==2.0.36", "==3.2.*", "==3.2.*", "==0.115.*"),
        Row(oldest, "==0.30.*", "==2.0.*"),
        Row(oldest, "==0.31.*"),
        *(Row(python) for python in pythons),
    ]
