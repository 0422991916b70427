"""Counters, gauges and histograms upon a board, and what Prometheus reads of them."""

import os
from collections.abc import Callable

import pytest

from app.errors import SetupError
from app.metrics import http
from app.metrics.exposition import exposition
from app.metrics.instruments import Counter, Gauge, Histogram, Latest, every
from app.metrics.shared_memory import Board


@pytest.fixture
def board() -> Board:
    """A board of its own."""
    return Board(rows=8, cells=64)


def in_a_child(work: Callable[[], object]) -> None:
    """Do *work* in a child process, and wait for its end."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def lines(*sources: Counter | Gauge | Histogram) -> list[str]:
    """Return what Prometheus reads, without its comments."""
    return [line for line in exposition(*sources).decode().splitlines() if not line.startswith("#")]


def test_a_counter_counts(board: Board) -> None:
    counter = Counter("things", "Things.", board=board)
    for _ in range(3):
        counter.add()

    assert counter.value() == 3


def test_what_a_child_process_counts_is_in_the_parents_sum(board: Board) -> None:
    counter = Counter("things", "Things.", board=board)
    counter.add()
    for _ in range(20):
        in_a_child(counter.add)

    assert counter.value() == 21


def test_what_a_process_had_in_hand_ends_with_it(board: Board) -> None:
    gauge = Gauge("open", "Open things.", board=board)
    gauge.add(2)
    in_a_child(lambda: gauge.add(5))

    assert gauge.value() == 2


def test_a_process_with_the_row_of_one_that_ended_begins_with_nothing_in_hand() -> None:
    board = Board(rows=1, cells=4)
    gauge = Gauge("open", "Open things.", board=board)
    in_a_child(lambda: gauge.add(5))
    gauge.add(1)

    assert gauge.value() == 1


def test_the_latest_moment_is_told(board: Board) -> None:
    latest = Latest("seen", "When something was seen.", board=board)
    latest.put(17.0)
    in_a_child(lambda: latest.put(99.0))

    assert latest.value() == 17.0


def test_a_counter_has_a_series_for_each_combination_of_its_labels(board: Board) -> None:
    series = every(["red", "blue"], ["big"])
    counter = Counter("things", "Things.", labels=("color", "size"), series=series, board=board)
    counter.add(2, "blue", "big")

    assert lines(counter) == [
        'things_total{color="red",size="big"} 0.0',
        'things_total{color="blue",size="big"} 2.0',
    ]


def test_what_was_never_declared_counts_as_nothing(board: Board) -> None:
    counter = Counter("things", "Things.", labels=("color",), series=every(["red"]), board=board)
    gauge = Gauge("open", "Open things.", labels=("color",), series=every(["red"]), board=board)
    counter.add(1, "green")
    gauge.add(1, "green")
    gauge.put(1, "green")

    assert counter.value("red") == 0
    assert gauge.value("red") == 0


def test_a_metric_that_learns_its_series_later_tells_those_that_were_used_up_to_its_capacity(board: Board) -> None:
    counter = Counter("things", "Things.", labels=("color",), capacity=2, board=board)
    counter.declare(every(["red", "blue", "green"]))
    for color in ("blue", "green"):
        counter.add(1, color)

    assert lines(counter) == ['things_total{color="blue"} 1.0']


def test_a_histogram_counts_up_to_each_bound(board: Board) -> None:
    histogram = Histogram("wait_seconds", "Waits.", bounds=(0.1, 1.0), board=board)
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


def test_a_full_board_says_so() -> None:
    board = Board(rows=1, cells=2)
    Counter("one", "One.", board=board)
    Counter("two", "Two.", board=board)

    with pytest.raises(SetupError, match="raise CELLS above 3"):
        Counter("three", "Three.", board=board)


def test_an_answer_is_counted_under_its_route_or_under_none() -> None:
    http.declare_routes([("GET", "/things/<id>")])

    def count(method: str, route: str) -> float:
        return http.LATENCY.count(method, route, "2xx")

    before = count("GET", "/things/<id>"), count(*http.UNROUTED)
    for route in ("/things/<id>", None):
        http.count_answer(method="GET", route=route, status=200, seconds=0.1)

    assert (count("GET", "/things/<id>"), count(*http.UNROUTED)) == (before[0] + 1, before[1] + 1)


def test_a_status_that_nobody_expected_is_counted_as_another() -> None:
    before = http.REQUESTS.value("other")
    http.count_answer(method="GET", route=None, status=418, seconds=0.1)

    assert http.REQUESTS.value("other") == before + 1
