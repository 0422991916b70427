"""Fixtures for the tests of `/users/*`: counted rows, callers with their own settings, and a pool."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from uuid_utils import uuid7

from app import keys
from app.config import Settings
from app.db.connections import Pool, open_pool
from app.web import create_app
from app.web.resources import resources_of
from tests.support.flask_caller import Caller

TABLES = ("profile", "user_alias", "custom_event", "purchase", "session", "engagement")


@pytest.fixture
def counted(connection: psycopg.Connection) -> Callable[[], dict[str, int]]:
    """A function that counts the rows that the test added to the tables of profiles, in any workspace."""
    connection.autocommit = True

    def rows() -> dict[str, int]:
        return {table: len(connection.execute(f"SELECT 1 FROM {table}").fetchall()) for table in TABLES}

    before = rows()
    return lambda: {table: count - before[table] for table, count in rows().items()}


@pytest.fixture
def configured_caller(database_url: str) -> Iterator[Callable[..., Caller]]:
    """A function that returns a caller of a web application with its own settings."""
    with ExitStack() as stack:

        def configured(**settings: Any) -> Caller:
            workspace = f"configured-{uuid7()}"
            flask = create_app(Settings(database_url=database_url, **settings))
            stack.callback(resources_of(flask).close)
            with psycopg.connect(database_url) as conn:
                key_id, secret = keys.create_key(conn, workspace=workspace, label="test", permissions=("*",))
                (workspace_id,) = conn.execute("SELECT workspace_id FROM api_key WHERE id = %s", [key_id]).fetchone()
            return Caller(flask, secret=secret, key_id=key_id, workspace_id=workspace_id, workspace=workspace)

        yield configured


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    """A pool like that of a worker, on the new database of the test."""
    with open_pool(Settings(database_url=database_url), name="test") as pool:
        yield pool
