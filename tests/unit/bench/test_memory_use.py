"""The line through samples of memory: its value at the first sample, and its slope per hour."""

import pytest

from bench.memory_use import Line


def test_the_line_through_points_on_a_line_is_that_line() -> None:
    line = Line.through([600.0, 1200.0, 1800.0], [100.0, 101.0, 102.0])

    assert (line.start, line.per_hour, line.percent_per_hour) == pytest.approx((100.0, 6.0, 6.0))


def test_noise_around_the_same_value_has_no_slope() -> None:
    assert Line.through([0.0, 1.0, 2.0, 3.0], [5.0, 6.0, 6.0, 5.0]).per_hour == pytest.approx(0.0)
