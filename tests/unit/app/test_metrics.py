"""Counters that processes share."""

import os

from app.metrics import SharedCounter, exposition


def test_a_counter_counts() -> None:
    counter = SharedCounter("things", "Things.")
    for _ in range(3):
        counter.add()

    assert counter.value == 3


def test_what_a_child_process_counts_is_in_the_parents_sum() -> None:
    counter = SharedCounter("things", "Things.")
    counter.add()
    child = os.fork()
    if not child:
        counter.add()
        os._exit(0)

    assert os.waitpid(child, 0)[1] == 0
    assert counter.value == 2


def test_the_exposition_is_what_prometheus_reads() -> None:
    lines = exposition().decode().splitlines()

    assert "# TYPE mergelane_rate_limits_uncounted_requests_total counter" in lines
    assert any(line.startswith("mergelane_http_requests_total ") for line in lines)
