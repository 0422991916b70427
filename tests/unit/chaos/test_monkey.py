"""The monkey's plans: from a seed, at the pace that was asked for, with the faults that were asked for."""

from itertools import pairwise
from statistics import mean

import pytest

from chaos.faults import FAULTS
from chaos.monkey import plans


def test_a_seed_repeats_its_plans() -> None:
    assert plans("7", seconds=60) == plans("7", seconds=60)
    assert plans("7", seconds=60) != plans("8", seconds=60)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short = plans("7", seconds=60)

    assert plans("7", seconds=120)[: len(short)] == short


@pytest.mark.parametrize("gap_s", [1.0, 6.0])
def test_strikes_come_at_the_pace_that_was_asked_for(gap_s: float) -> None:
    times = [plan.at_s for plan in plans("7", seconds=600, gap_s=gap_s)]

    assert times == sorted(times)
    assert mean(later - earlier for earlier, later in pairwise(times)) == pytest.approx(gap_s, 0.15)


def test_in_ten_minutes_every_fault_comes_up() -> None:
    assert {plan.fault for plan in plans("7", seconds=600)} == FAULTS.keys()


def test_only_what_was_asked_for_comes_up() -> None:
    assert {plan.fault for plan in plans("7", seconds=60, only=["drop", "repeat"])} == {"drop", "repeat"}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_a_fault_says_what_it_does(fault: object) -> None:
    assert getattr(fault, "prose", "").endswith(".")
    assert getattr(fault, "weight", 0) > 0
