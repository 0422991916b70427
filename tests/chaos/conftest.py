"""Fixtures of the chaos tests: one installation for all tests; each injects one fault while merges are posted."""

from collections.abc import Iterator

import pytest

from app.errors import SetupError
from chaos.installation import running_installation
from tests.chaos.room import Room
from tests.support.missing import missing


@pytest.fixture(scope="session")
def shared_room() -> Iterator[Room]:
    """The running product behind proxies, with two workers."""
    try:
        with running_installation() as home:
            home.run_product(workers=2)
            yield Room(home)
    except SetupError as error:
        missing("PostgreSQL or Redis", error)


@pytest.fixture
def room(shared_room: Room) -> Iterator[Room]:
    """The room, which a test leaves whole: whatever it broke is mended, and every promise was kept."""
    yield shared_room

    shared_room.installation.make_whole()
    shared_room.installation.wait_for_web()
    shared_room.rest()
    findings = shared_room.audit()
    assert (findings.lost, findings.doubled, findings.broken) == ([], [], [])
