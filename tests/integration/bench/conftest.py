"""The ground of the benchmark, as fast as tests like it: what it measures here is counted, not timed."""

from collections.abc import Iterator

import pytest

from app.errors import SetupError
from bench.ground import Ground, ground
from tests.support.missing import missing
from tests.support.postgres import FAST


@pytest.fixture(scope="session")
def bench_ground() -> Iterator[Ground]:
    """Servers of the benchmark's own."""
    try:
        with ground(FAST) as lent:
            yield lent
    except SetupError as error:
        missing("PostgreSQL or Redis", error)
