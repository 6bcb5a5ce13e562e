"""Takes the place of tests/conftest.py, which needs the whole repository."""

import os

import pytest


@pytest.fixture(scope="session")
def database_url() -> str:
    """The server that `python -m tests.compat` names."""
    return os.environ["DATABASE_URL"]
