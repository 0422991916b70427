"""kill -9 of any process at any time: no job is lost or applied twice, and no operator has to act."""

import pytest

from tests.chaos.harness import BOUND_S, MACHINE_S, Harness


@pytest.mark.parametrize("fault", ["kill_worker", "kill_workers", "kill_relay", "kill_web", "kill_web_child"])
def test_after_a_kill_all_jobs_finish_within_seconds(harness: Harness, fault: str) -> None:
    took = harness.strike(fault)

    assert took < BOUND_S + MACHINE_S


def test_a_worker_that_was_frozen_until_others_had_its_jobs_applies_none_twice(harness: Harness) -> None:
    took = harness.strike("freeze_worker", seed=5)

    assert took < 2 * BOUND_S + MACHINE_S
