"""Progress names the part, its place, the elapsed time, and the remaining time estimated from earlier runs."""

import re

import pytest

from bench import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The current time, in a list of one element."""
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_the_remaining_time_follows_the_speed_of_the_finished_parts(clock: list[float]) -> None:
    lines: list[str] = []
    reporter = progress.Progress(
        ["first", "second", "third"], 0.5, lines.append, expected_s=dict.fromkeys(("first", "second", "third"), 200.0)
    )
    reporter.begin("first")
    # Twice as slow as expected: 200 s instead of half of 200 s.
    clock[0] += 200.0
    reporter.begin("second")
    clock[0] += 50.0
    reporter.log("round 1")

    assert lines == [
        "== first (1 of 3), 0:00 passed, about 5:00 left",
        "== second (2 of 3), 3:20 passed, about 6:40 left",
        "second: round 1 [4:10 passed, about 5:50 left]",
    ]


def test_the_remaining_time_is_at_least_that_of_the_next_parts(clock: list[float]) -> None:
    lines: list[str] = []
    reporter = progress.Progress(["first", "second"], 1, lines.append, expected_s={"first": 10.0, "second": 60.0})
    reporter.begin("first")
    clock[0] += 100.0
    reporter.log("still")

    assert re.search(r"about 1:00 left", lines[-1])
