"""The monkey's plans: they follow from the seed, the mean gap and the requested faults."""

from itertools import pairwise
from statistics import mean

import pytest

from chaos.faults import FAULTS
from chaos.monkey import plans


def test_a_seed_repeats_its_plans() -> None:
    assert plans("7", seconds=60) == plans("7", seconds=60)
    assert plans("7", seconds=60) != plans("8", seconds=60)


def test_a_longer_run_starts_like_a_shorter_one() -> None:
    short = plans("7", seconds=60)

    assert plans("7", seconds=120)[: len(short)] == short


@pytest.mark.parametrize("gap_s", [1.0, 6.0])
def test_faults_have_the_requested_mean_gap(gap_s: float) -> None:
    times = [plan.at_s for plan in plans("7", seconds=600, gap_s=gap_s)]

    assert times == sorted(times)
    assert mean(later - earlier for earlier, later in pairwise(times)) == pytest.approx(gap_s, 0.15)


def test_ten_minutes_contain_every_fault() -> None:
    assert {plan.fault for plan in plans("7", seconds=600)} == FAULTS.keys()


def test_only_requested_faults_are_planned() -> None:
    assert {plan.fault for plan in plans("7", seconds=60, only=["drop", "repeat"])} == {"drop", "repeat"}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_every_fault_has_a_description_and_a_weight(fault: object) -> None:
    assert getattr(fault, "prose", "").endswith(".")
    assert getattr(fault, "weight", 0) > 0
