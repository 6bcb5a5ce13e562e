"""DATABASE_URL: what is accepted of it, and what each driver is given."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

SCHEMES = ("postgresql", "postgresql+asyncpg", "postgresql+psycopg")
SSLMODES = (
    *("disable", "allow", "prefer"),
    *("require", "verify-ca", "verify-full"),
)
PORTS = range(1, 65536)


def check_database_url(given: str) -> None:
    """Refuse what no driver takes.

    Raises:
        ValueError: with what was wanted, and nothing of a password.

    """
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        message = (
            "no URL: wanted postgresql://user:password@host/name, where"
            " special characters of a password are percent-encoded"
        )
        raise ValueError(message) from None
    if url.drivername not in SCHEMES:
        message = f"{url.drivername}: wanted one of {', '.join(SCHEMES)}"
        raise ValueError(message)
    if url.port is not None and url.port not in PORTS:
        message = "port: wanted 1 to 65535"
        raise ValueError(message)
    sslmode = url.query.get("sslmode", "prefer")
    if sslmode not in SSLMODES:
        message = f"sslmode {sslmode}: wanted one of {', '.join(SSLMODES)}"
        raise ValueError(message)


def for_sqlalchemy(given: str) -> URL:
    """Name the driver: asyncpg where the URL names none."""
    url = make_url(given)
    if url.drivername == "postgresql+psycopg":
        return url
    # asyncpg knows libpq's options, sslmode above all, in its own URL only.
    options = url.query.keys() - {"host", "port"}
    return url.set(drivername="postgresql+asyncpg").difference_update_query(
        options
    )


def for_psycopg(given: str) -> URL:
    """Name the driver of a synchronous engine, whatever the URL names."""
    return make_url(given).set(drivername="postgresql+psycopg")


def for_asyncpg(given: str) -> str:
    """Spell it for asyncpg itself, which knows no drivers."""
    url = make_url(given).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
