"""kill -9 of any process, at any instant: no job is lost, none has its effect twice, and nobody has to help."""

import pytest

from tests.chaos.room import BOUND_S, MACHINE_S, Room


@pytest.mark.parametrize("fault", ["kill_worker", "kill_workers", "kill_relay", "kill_web", "kill_web_child"])
def test_what_was_killed_is_missed_for_seconds_and_by_nobody(room: Room, fault: str) -> None:
    took = room.strike(fault)

    assert took < BOUND_S + MACHINE_S


def test_a_worker_that_was_frozen_until_others_had_its_work_does_no_harm_when_it_comes_back(room: Room) -> None:
    took = room.strike("freeze_worker", seed=5)

    assert took < 2 * BOUND_S + MACHINE_S
