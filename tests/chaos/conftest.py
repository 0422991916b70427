"""Fixtures of the chaos tests: one installation for all tests; each injects one fault while merges are posted."""

from collections.abc import Iterator

import pytest

from app.errors import SetupError
from chaos.installation import running_installation
from tests.chaos.harness import Harness
from tests.support.missing import missing


@pytest.fixture(scope="session")
def shared_harness() -> Iterator[Harness]:
    """The running product behind proxies, with two workers."""
    try:
        with running_installation() as home:
            home.run_product(workers=2)
            yield Harness(home)
    except SetupError as error:
        missing("PostgreSQL or Redis", error)


@pytest.fixture
def harness(shared_harness: Harness) -> Iterator[Harness]:
    """The harness. After each test it is repaired and audited: no job is lost, applied twice or broken."""
    yield shared_harness

    shared_harness.installation.make_whole()
    shared_harness.installation.wait_for_web()
    shared_harness.rest()
    findings = shared_harness.audit()
    assert (findings.lost, findings.doubled, findings.broken) == ([], [], [])
