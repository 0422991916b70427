"""Arithmetic on processor time: what a core bears, and how many are busy at the vendor's limit."""

import pytest

from bench.model import borne_by_a_core, by_kind, cores_at_the_limit, limits

COSTS = {"web": 0.1, "relay": 0.1, "worker1": 0.2, "worker2": 0.2, "postgres": 0.3, "redis": 0.1}


def test_workers_are_taken_together() -> None:
    assert by_kind(COSTS) == {"web": 0.1, "relay": 0.1, "worker": 0.4, "postgres": 0.3, "redis": 0.1}


def test_a_core_bears_a_thousand_merges_of_a_millisecond() -> None:
    assert borne_by_a_core(1.0) == 1_000
    assert cores_at_the_limit(1.0) == pytest.approx(16.67, abs=0.01)


def test_what_limits_is_told_in_sentences() -> None:
    told = limits(COSTS)

    assert "A merge takes 1 ms of processor time." in told
    assert "would keep 16.7 cores busy, of which 10 are those of web, relay and workers" in told
    assert "PostgreSQL is one server: one with 32 cores bears some 106,667, if its disks keep up." in told
    assert "Redis works with one core, which bears some 10,000" in told


def test_what_limits_first_is_what_bears_least() -> None:
    assert limits(COSTS).endswith("What limits first is Redis.")
    assert limits(COSTS | {"redis": 0.001}).endswith("What limits first is PostgreSQL.")


def test_nothing_is_told_of_what_was_not_measured() -> None:
    assert "Redis" not in limits({"web": 0.1, "postgres": 0.3})
