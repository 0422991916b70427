"""Counters, gauges and histograms in shared memory, and their text for Prometheus."""

import os
from collections.abc import Callable

import pytest

from app.errors import SetupError
from app.metrics import http
from app.metrics.exposition import expose
from app.metrics.instruments import Counter, Gauge, Histogram, Latest, UndeclaredSeries, label_combinations
from app.metrics.shared_memory import SharedMemory


@pytest.fixture
def memory() -> SharedMemory:
    """A small shared memory for one test."""
    return SharedMemory(rows=8, cells=64)


def in_a_child(work: Callable[[], object]) -> None:
    """Run *work* in a child process, and wait for its end."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def lines(*sources: Counter | Gauge | Histogram) -> list[str]:
    """Return the lines that Prometheus reads, without comments."""
    return [line for line in expose(*sources).decode().splitlines() if not line.startswith("#")]


def test_a_counter_counts(memory: SharedMemory) -> None:
    counter = Counter("things", "Things.", memory=memory)
    for _ in range(3):
        counter.inc()

    assert counter.value() == 3


def test_counts_of_child_processes_are_in_the_sum_of_the_parent(memory: SharedMemory) -> None:
    counter = Counter("things", "Things.", memory=memory)
    counter.inc()
    for _ in range(20):
        in_a_child(counter.inc)

    assert counter.value() == 21


def test_the_gauge_of_a_process_ends_with_the_process(memory: SharedMemory) -> None:
    gauge = Gauge("open", "Open things.", memory=memory)
    gauge.inc(2)
    in_a_child(lambda: gauge.inc(5))

    assert gauge.value() == 2


def test_a_process_that_reuses_a_row_starts_its_gauge_at_zero() -> None:
    memory = SharedMemory(rows=1, cells=4)
    gauge = Gauge("open", "Open things.", memory=memory)
    in_a_child(lambda: gauge.inc(5))
    gauge.inc(1)

    assert gauge.value() == 1


def test_latest_ignores_the_values_of_ended_processes(memory: SharedMemory) -> None:
    latest = Latest("seen", "When something was seen.", memory=memory)
    latest.set(17.0)
    in_a_child(lambda: latest.set(99.0))

    assert latest.value() == 17.0


def test_a_counter_has_a_series_for_each_combination_of_its_labels(memory: SharedMemory) -> None:
    series = label_combinations(["red", "blue"], ["big"])
    counter = Counter("things", "Things.", labels=("color", "size"), series=series, memory=memory)
    counter.inc(2, "blue", "big")

    assert lines(counter) == [
        'things_total{color="red",size="big"} 0.0',
        'things_total{color="blue",size="big"} 2.0',
    ]


def test_a_series_that_was_not_declared_raises(memory: SharedMemory) -> None:
    red = label_combinations(["red"])
    counter = Counter("things", "Things.", labels=("color",), series=red, memory=memory)
    gauge = Gauge("open", "Open things.", labels=("color",), series=red, memory=memory)
    histogram = Histogram("wait_seconds", "Waits.", bounds=(1,), labels=("color",), series=red, memory=memory)

    for use in (counter.inc, gauge.inc, gauge.set, histogram.observe):
        with pytest.raises(UndeclaredSeries, match=r"declares no series \{color='green'\}"):
            use(1, "green")


def test_a_metric_with_series_declared_later_exposes_only_used_series(memory: SharedMemory) -> None:
    counter = Counter("things", "Things.", labels=("color",), capacity=2, memory=memory)
    counter.declare(label_combinations(["red", "blue"]))
    counter.inc(1, "blue")

    assert lines(counter) == ['things_total{color="blue"} 1.0']


def test_series_beyond_the_capacity_are_refused(memory: SharedMemory) -> None:
    counter = Counter("things", "Things.", labels=("color",), capacity=2, memory=memory)

    with pytest.raises(SetupError, match="things has more than 2 series"):
        counter.declare(label_combinations(["red", "blue", "green"]))


def test_a_histogram_counts_up_to_each_bound(memory: SharedMemory) -> None:
    histogram = Histogram("wait_seconds", "Waits.", bounds=(0.1, 1.0), memory=memory)
    for seconds in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(seconds)

    assert histogram.count() == 4
    assert lines(histogram) == [
        'wait_seconds_bucket{le="0.1"} 2.0',
        'wait_seconds_bucket{le="1.0"} 3.0',
        'wait_seconds_bucket{le="+Inf"} 4.0',
        "wait_seconds_count 4.0",
        "wait_seconds_sum 7.65",
    ]


def test_a_full_memory_is_a_setup_error() -> None:
    memory = SharedMemory(rows=1, cells=2)
    Counter("one", "One.", memory=memory)
    Counter("two", "Two.", memory=memory)

    with pytest.raises(SetupError, match="raise CELLS above 3"):
        Counter("three", "Three.", memory=memory)


def test_a_response_is_counted_under_its_route_or_as_unrouted() -> None:
    http.declare_routes([("GET", "/things/<id>")])

    def count(method: str, route: str) -> float:
        return http.LATENCY.count(method, route, "2xx")

    before = count("GET", "/things/<id>"), count(*http.UNROUTED)
    for route in ("/things/<id>", None):
        http.count_response(method="GET", route=route, status=200, seconds=0.1)

    assert (count("GET", "/things/<id>"), count(*http.UNROUTED)) == (before[0] + 1, before[1] + 1)


def test_an_unknown_status_is_counted_as_other() -> None:
    before = http.REQUESTS.value("other")
    http.count_response(method="GET", route=None, status=418, seconds=0.1)

    assert http.REQUESTS.value("other") == before + 1
