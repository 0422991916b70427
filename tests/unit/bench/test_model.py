"""Capacity model: merges per core, and busy cores at Braze's rate limit."""

import pytest

from bench.model import by_kind, cores_at_the_limit, limits, merges_per_core

COSTS = {"web": 0.1, "relay": 0.1, "worker1": 0.2, "worker2": 0.2, "postgres": 0.3, "redis": 0.1}


def test_the_costs_of_workers_are_added_up() -> None:
    assert by_kind(COSTS) == {"web": 0.1, "relay": 0.1, "worker": 0.4, "postgres": 0.3, "redis": 0.1}


def test_a_core_is_enough_for_a_thousand_merges_of_a_millisecond() -> None:
    assert merges_per_core(1.0) == 1_000
    assert cores_at_the_limit(1.0) == pytest.approx(16.67, abs=0.01)


def test_limits_are_sentences() -> None:
    text = limits(COSTS)

    assert "A merge takes 1 ms of processor time." in text
    assert "needs 16.7 cores; 10 of them run web, relay and workers" in text
    assert "PostgreSQL is one server: 32 cores are enough for about 106,667 merges/s with sufficient disks." in text
    assert "Redis uses one core, enough for about 10,000 merges/s" in text


def test_the_first_limit_is_the_smallest() -> None:
    assert limits(COSTS).endswith("The first limit is Redis.")
    assert limits(COSTS | {"redis": 0.001}).endswith("The first limit is PostgreSQL.")


def test_limits_omit_processes_without_a_measurement() -> None:
    assert "Redis" not in limits({"web": 0.1, "postgres": 0.3})
