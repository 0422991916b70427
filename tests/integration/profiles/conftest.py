"""The room of profiles: what the tests of their endpoints count and merge with."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from app.config import Settings
from app.db import Pool, open_pool

TABLES = ("profile", "user_alias", "custom_event", "purchase", "session", "engagement")


@pytest.fixture
def counted(connection: psycopg.Connection) -> Callable[[], dict[str, int]]:
    """A function that counts the rows of the tables that hold profiles and what they did."""
    connection.autocommit = True

    def rows() -> dict[str, int]:
        return {table: len(connection.execute(f"SELECT 1 FROM {table}").fetchall()) for table in TABLES}

    return rows


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    """A pool as a worker has it, on the test's fresh database."""
    with open_pool(Settings(database_url=database_url), name="test") as pool:
        yield pool
