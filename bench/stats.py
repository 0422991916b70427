"""Summaries of repeated measurements."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The minimum, median and maximum of some measurements."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of *values*, which must not be empty."""
        return cls(min(values), statistics.median(values), max(values))

    def to_json(self) -> dict[str, float]:
        """Return it as JSON for the results."""
        return {"min": self.low, "median": self.median, "max": self.high}


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio of two series of the same rounds: of their medians, and the minimum and maximum of a round."""

    of_medians: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> "Ratio":
        """Return the ratio of *ours* to *theirs*, measured in the same rounds."""
        by_round = [one / other for one, other in zip(ours, theirs, strict=True)]
        return cls(statistics.median(ours) / statistics.median(theirs), min(by_round), max(by_round))

    def to_json(self) -> dict[str, float]:
        """Return it as JSON for the results."""
        return {"of_medians": self.of_medians, "min": self.low, "max": self.high}


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of *values* such that at least *percent* of them are not greater."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def tails(values: Sequence[float]) -> dict[str, float]:
    """Return count, minimum, p50, p99 and maximum of waiting times."""
    return {
        "count": len(values),
        "min": min(values),
        "p50": percentile(values, 50),
        "p99": percentile(values, 99),
        "max": max(values),
    }
