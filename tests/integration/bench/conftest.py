"""Servers for the tests of the benchmark, with fast settings, because the tests count and do not time."""

from collections.abc import Iterator

import pytest

from app.errors import SetupError
from bench.ground import Ground, ground
from tests.support.missing import missing
from tests.support.postgres import FAST


@pytest.fixture(scope="session")
def bench_ground() -> Iterator[Ground]:
    """Separate servers for the benchmark."""
    try:
        with ground(FAST) as lent:
            yield lent
    except SetupError as error:
        missing("PostgreSQL or Redis", error)
