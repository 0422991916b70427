"""The chaos room of the tests: one house for all of it, in which a test breaks one thing while merges are posted."""

from collections.abc import Iterator

import pytest

from app.errors import SetupError
from chaos.house import house
from tests.chaos.room import Room
from tests.support.missing import missing


@pytest.fixture(scope="session")
def shared_room() -> Iterator[Room]:
    """The running product behind proxies, with two workers."""
    try:
        with house() as home:
            home.run_product(workers=2)
            yield Room(home)
    except SetupError as error:
        missing("PostgreSQL or Redis", error)


@pytest.fixture
def room(shared_room: Room) -> Iterator[Room]:
    """The room, which a test leaves whole: whatever it broke is mended, and every promise was kept."""
    yield shared_room

    shared_room.house.make_whole()
    shared_room.house.wait_for_web()
    shared_room.rest()
    findings = shared_room.audit()
    assert (findings.lost, findings.doubled, findings.broken) == ([], [], [])
