"""Shared by both variants: the registry with one session for each thread."""

from functools import cache

from sqlalchemy import Engine
from sqlalchemy.orm import scoped_session, sessionmaker
from sqlmodel import Session


@cache
def registry_of(engine: Engine) -> scoped_session[Session]:
    """Return the engine's registry; each thread gets a session from it."""
    return scoped_session(sessionmaker(engine, class_=Session))
