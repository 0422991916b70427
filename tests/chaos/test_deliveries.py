"""A delivery repeated, late or out of order has no effect beyond the first; one that is lost is made up for."""

from random import Random
from threading import Event

import pytest

from chaos.deliveries import republish
from tests.chaos.room import BOUND_S, MACHINE_S, Room

OUTCOMES = "SELECT id, state, outcome, reason, attempts, finished_at FROM job ORDER BY id"


@pytest.mark.parametrize("fault", ["repeat", "republish", "shuffle", "drop"])
def test_under_way_it_changes_nothing(room: Room, fault: str) -> None:
    took = room.strike(fault)

    assert took < BOUND_S + MACHINE_S


def test_afterwards_it_changes_nothing_at_all(room: Room) -> None:
    with room.load():
        room.wait_until_busy()
    room.rest()
    before = room.rows(OUTCOMES)

    for seed in range(3):
        republish(room.installation, Random(seed), Event())
    room.rest()

    assert room.rows(OUTCOMES) == before
