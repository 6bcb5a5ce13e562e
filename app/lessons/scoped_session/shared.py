"""What both variants share: the registry of sessions, one a thread."""

from functools import cache

from sqlalchemy import Engine
from sqlalchemy.orm import scoped_session, sessionmaker
from sqlmodel import Session


@cache
def registry_of(engine: Engine) -> scoped_session[Session]:
    """Answer the engine's registry: each thread that asks it has a session."""
    return scoped_session(sessionmaker(engine, class_=Session))
