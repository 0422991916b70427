"""Spreads, ratios and percentiles of measurements."""

from bench.stats import Ratio, Spread, percentile, tails


def test_a_spread_has_minimum_median_and_maximum() -> None:
    assert Spread.of([3.0, 1.0, 10.0]).to_json() == {"min": 1.0, "median": 3.0, "max": 10.0}


def test_a_ratio_has_the_ratio_of_medians_and_the_extremes_of_rounds() -> None:
    ratio = Ratio.of([10.0, 30.0, 20.0], [10.0, 10.0, 5.0])

    assert (ratio.of_medians, ratio.low, ratio.high) == (2.0, 1.0, 4.0)


def test_a_percentile_is_a_measured_value() -> None:
    values = [float(number) for number in range(1, 201)]

    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (100.0, 198.0, 200.0)


def test_the_tail_of_one_value_is_that_value() -> None:
    assert tails([7.0]) == {"count": 1, "min": 7.0, "p50": 7.0, "p99": 7.0, "max": 7.0}
