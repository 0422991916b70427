"""Fixtures for the tests of imports: a pool, and a second, empty workspace."""

from collections.abc import Callable, Iterator

import pytest

from app.config import Settings
from app.db.connections import Pool, open_pool
from tests.support.flask_caller import Caller


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    """A pool like that of a worker, on the new database of the test."""
    with open_pool(Settings(database_url=database_url), name="test") as pool:
        yield pool


@pytest.fixture
def empty(make_caller: Callable[..., Caller]) -> Caller:
    """A caller of an empty workspace."""
    return make_caller()
