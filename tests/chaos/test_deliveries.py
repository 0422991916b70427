"""A message that is repeated, late or out of order has no second effect. A lost message is replaced."""

from random import Random
from threading import Event

import pytest

from chaos.deliveries import republish
from tests.chaos.harness import BOUND_S, MACHINE_S, Harness

OUTCOMES = "SELECT id, state, outcome, reason, attempts, finished_at FROM job ORDER BY id"


@pytest.mark.parametrize("fault", ["repeat", "republish", "shuffle", "drop"])
def test_a_faulty_delivery_of_running_jobs_changes_no_result(harness: Harness, fault: str) -> None:
    took = harness.strike(fault)

    assert took < BOUND_S + MACHINE_S


def test_messages_of_finished_jobs_change_nothing(harness: Harness) -> None:
    with harness.load():
        harness.wait_until_busy()
    harness.rest()
    before = harness.rows(OUTCOMES)

    for seed in range(3):
        republish(harness.installation, Random(seed), Event())
    harness.rest()

    assert harness.rows(OUTCOMES) == before
