"""The pools of an application, which the plugin finds by itself."""

import os
from typing import Any

import asyncpg
import psycopg_pool
from asyncpg import connect
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

__all__ = [
    "ONE",
    "URL",
    "AsyncSession",
    "Session",
    "async_engine",
    "asyncpg",
    "connect",
    "create_async_engine",
    "create_engine",
    "engine",
    "kept",
    "psycopg_pool",
]

URL = os.environ["DATABASE_URL"]
ONE = text("SELECT 1")

engine = create_engine(URL.replace("sql:", "sql+psycopg:"))
async_engine = create_async_engine(
    URL.replace("sql:", "sql+asyncpg:"), poolclass=NullPool
)

kept: list[Any] = []
"""What is here, no garbage collector closes."""
