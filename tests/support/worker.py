"""A worker without Celery: it claims and runs waiting jobs in the process of the test."""

from collections.abc import Iterator

import pytest

from app.db.connections import open_pool
from fuzz.lanes import Worker
from tests.support.on_citus import database_settings

__all__ = ["Worker", "worker"]


@pytest.fixture
def worker(database_url: str) -> Iterator[Worker]:
    """A worker without Celery on the test's database."""
    settings = database_settings(database_url)
    with open_pool(settings, name="test-worker") as pool:
        yield Worker(pool, settings)
