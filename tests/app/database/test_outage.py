"""Each error of a driver is 503, or a bug: decided for all classes."""

import inspect
from collections.abc import Iterator
from types import ModuleType

import asyncpg
import psycopg
import pytest
import sqlalchemy.exc
from sqlalchemy.dialects.postgresql.asyncpg import (
    AsyncAdapt_asyncpg_connection,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.outage import contention, outage

UNAVAILABLE = {
    *("08", "25006", "25P03", "25P04", "28", "3D", "40", "53", "55000"),
    *("55P03", "57", "58", "72", "F0", "XX"),
}
"""SQLSTATEs, or their classes, after which a client may try again."""
BUGS = {
    *("02", "03", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21"),
    *("22", "23", "24", "25", "26", "27", "2B", "2D", "2F", "34", "38", "39"),
    *("3B", "3F", "42", "44", "54", "55", "HV", "P0"),
}
"""All other classes that PostgreSQL has."""

WITHOUT_SQLSTATE = {
    asyncpg.PostgresError: False,
    asyncpg.exceptions.FatalPostgresError: False,
    asyncpg.exceptions.UnknownPostgresError: False,
    asyncpg.InterfaceError: False,
    asyncpg.exceptions.ClientConfigurationError: False,
    asyncpg.exceptions.UnsupportedClientFeatureError: False,
    asyncpg.exceptions.UnsupportedServerFeatureError: False,
    asyncpg.InternalClientError: True,
    asyncpg.exceptions.OutdatedSchemaCacheError: True,
    asyncpg.exceptions.ProtocolError: True,
    asyncpg.exceptions.TargetServerAttributeNotMatched: True,
    psycopg.Error: False,
    psycopg.InterfaceError: False,
    psycopg.DatabaseError: False,
    psycopg.DataError: False,
    psycopg.IntegrityError: False,
    psycopg.InternalError: False,
    psycopg.ProgrammingError: False,
    psycopg.NotSupportedError: False,
    psycopg.OperationalError: True,
    psycopg.errors.ConnectionTimeout: True,
    psycopg.errors.CancellationTimeout: True,
    psycopg.errors.PipelineAborted: True,
}
"""The drivers' own errors, and whether they are 503."""


def errors_of(module: ModuleType) -> Iterator[type[Exception]]:
    """Each exception that can leave a statement: no warning, nothing inner."""
    for name, found in sorted(vars(module).items()):
        if (
            inspect.isclass(found)
            and issubclass(found, Exception)
            and not issubclass(found, (Warning, psycopg.Warning))
            and not name.startswith("_")
        ):
            yield found


def is_503(error: Exception) -> bool:
    return bool(outage(error) or contention(error))


def with_sqlalchemy(error: Exception) -> DBAPIError:
    """What SQLAlchemy makes of a driver's error."""
    driver = "psycopg" if isinstance(error, psycopg.Error) else "asyncpg"
    dialect = create_async_engine(f"postgresql+{driver}://").dialect
    raised: Exception = error
    if driver == "asyncpg":
        try:
            AsyncAdapt_asyncpg_connection._handle_exception_no_connection(
                dialect.dbapi, error
            )
        except (dialect.loaded_dbapi.Error, type(error)) as translated:
            raised = translated
    wrapped = DBAPIError.instance(
        "SELECT", {}, raised, dialect.loaded_dbapi.Error, dialect=dialect
    )
    assert isinstance(wrapped, DBAPIError)
    return wrapped


@pytest.mark.parametrize("module", [asyncpg.exceptions, psycopg.errors])
def test_every_sqlstate_is_decided(module: ModuleType) -> None:
    seen = set()
    for kind in errors_of(module):
        state = getattr(kind, "sqlstate", None) or ""
        if not state or kind is asyncpg.InvalidCachedStatementError:
            continue
        seen.add(state[:2])
        expected = not UNAVAILABLE.isdisjoint({state, state[:2]})
        assert expected or state[:2] in BUGS
        error = kind("no")
        assert is_503(error) == expected, (kind, state)
        assert is_503(with_sqlalchemy(error)) == expected, (kind, state)
    assert seen >= BUGS - {"02"}  # to asyncpg, those are warnings


@pytest.mark.parametrize("module", [asyncpg.exceptions, psycopg.errors])
def test_every_error_without_a_sqlstate_is_decided(module: ModuleType) -> None:
    for kind in errors_of(module):
        if not getattr(kind, "sqlstate", None):
            error = kind("no")
            assert is_503(error) == WITHOUT_SQLSTATE[kind], kind
            assert is_503(with_sqlalchemy(error)) == WITHOUT_SQLSTATE[kind]


def test_of_sqlalchemys_own_errors_those_of_a_pool_are_503() -> None:
    unavailable = {
        kind.__name__
        for kind in errors_of(sqlalchemy.exc)
        if is_503(kind.__new__(kind, "no"))
    }

    assert unavailable == {
        "DisconnectionError",
        "InvalidatePoolError",
        "TimeoutError",
    }


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            asyncpg.InvalidPasswordError("no"),
            "the server refused the login: a password or a role has changed",
        ),
        (
            asyncpg.InterfaceError("connection is closed"),
            "the connection ended",
        ),
        (
            asyncpg.InvalidCachedStatementError("no"),
            "a migration changed the table",
        ),
        (ConnectionRefusedError(), "the server is out of reach, or silent"),
        (TimeoutError(), "the server is out of reach, or silent"),
    ],
)
def test_an_outage_has_a_reason(error: Exception, reason: str) -> None:
    assert outage(error) == reason


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InterfaceError(
            "cannot perform operation: another operation is in progress"
        ),
        asyncpg.InterfaceError(
            "the server expects 1 argument for this query, 2 were passed"
        ),
        asyncpg.exceptions._base.DataError("invalid input for query argument"),
        RuntimeError("a bug"),
        ZeroDivisionError(),
    ],
)
def test_misuse_is_a_bug(error: Exception) -> None:
    assert not is_503(error)
    if isinstance(error, asyncpg.InterfaceError):
        assert not is_503(with_sqlalchemy(error))
