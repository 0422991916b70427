"""Counters, gauges and histograms in shared memory, each with a bounded number of series."""

from bisect import bisect_left
from collections import Counter as Occurrences
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, product
from typing import ClassVar

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from app.errors import SetupError
from app.metrics.shared_memory import SHARED_MEMORY, SharedMemory

Labels = tuple[str, ...]


class UndeclaredSeries(LookupError):
    """A metric was used with label values that it does not declare."""


def label_combinations(*values: Iterable[str]) -> list[Labels]:
    """Return every combination of the labels' *values*."""
    return list(product(*values))


class Instrument:
    """A metric: a name, a help text, and a series for each declared combination of label values.

    A metric with a *capacity* declares its series later; all processes must declare them in the same order. Its series
    are exposed once they have a value.
    """

    #: Whether numbers end with their process.
    live_only: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        help: str,  # noqa: A002  Prometheus's word
        *,
        labels: Labels = (),
        series: Sequence[Labels] | None = None,
        capacity: int = 0,
        memory: SharedMemory = SHARED_MEMORY,
    ) -> None:
        self.name, self.help, self.labels = name, help, labels
        given = [()] if series is None and not labels else series or []
        self.sparse = capacity > 0
        self._memory = memory
        self._capacity = max(capacity, len(given))
        self._first = memory.reserve(self._capacity * self._cells_per_series(), live_only=self.live_only)
        self._cells: dict[Labels, int] = {}
        self.declare(given)

    def declare(self, series: Iterable[Labels]) -> None:
        """Give each of *series* its cells. Raises SetupError beyond the capacity."""
        for values in series:
            if values in self._cells:
                continue
            if len(self._cells) == self._capacity:
                raise SetupError(f"The metric {self.name} has more than {self._capacity:,} series; raise its capacity.")
            self._cells[values] = self._first + len(self._cells) * self._cells_per_series()

    def knows(self, values: Labels) -> bool:
        """Return whether the series of these label *values* is declared."""
        return values in self._cells

    def collect(self) -> Iterator[Metric]:
        """Yield the metric in Prometheus's form."""
        raise NotImplementedError

    def _cells_per_series(self) -> int:
        return 1

    def _cell(self, values: Labels) -> int:
        """Return the first cell of a series; raise UndeclaredSeries when it is not declared."""
        try:
            return self._cells[values]
        except KeyError:
            labels = ", ".join(f"{name}={value!r}" for name, value in zip(self.labels, values, strict=False))
            text = f"The metric {self.name} declares no series {{{labels}}}; add it where the metric is defined."
            raise UndeclaredSeries(text) from None


class Counter(Instrument):
    """A number that only grows, summed over the processes that share the memory."""

    def inc(self, amount: float = 1, *values: str) -> None:
        """Add *amount* to the series of the label *values*."""
        self._memory.inc(self._cell(values), amount)

    def value(self, *values: str) -> float:
        """Return the sum of a series over all processes."""
        return self._memory.total(self._cell(values))

    def collect(self) -> Iterator[Metric]:
        """Yield the sum of each series."""
        family = CounterMetricFamily(self.name, self.help, labels=self.labels)
        for values in self._cells:
            total = self.value(*values)
            if total or not self.sparse:
                family.add_metric(values, total)
        yield family


class Gauge(Instrument):
    """A number that goes up and down, summed over the running processes."""

    live_only = True

    def inc(self, amount: float, *values: str) -> None:
        """Change this process's number by *amount*, which may be negative."""
        self._memory.inc(self._cell(values), amount)

    def set(self, value: float, *values: str) -> None:
        """Set this process's number."""
        self._memory.set(self._cell(values), value)

    def value(self, *values: str) -> float:
        """Return the sum over the running processes."""
        return self._memory.total(self._cell(values))

    def collect(self) -> Iterator[Metric]:
        """Yield the value of each series."""
        family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for values in self._cells:
            number = self.value(*values)
            if number or not self.sparse:
                family.add_metric(values, number)
        yield family


class Latest(Gauge):
    """A time in seconds since the epoch: the latest that a running process has set."""

    def value(self, *values: str) -> float:
        """Return the latest time; 0 before the first."""
        return self._memory.greatest(self._cell(values))


class Histogram(Instrument):
    """How many values are at most each bound, and the sum of all values."""

    def __init__(  # noqa: PLR0913  as above
        self,
        name: str,
        help: str,  # noqa: A002  Prometheus's word
        *,
        bounds: Sequence[float],
        labels: Labels = (),
        series: Sequence[Labels] | None = None,
        capacity: int = 0,
        memory: SharedMemory = SHARED_MEMORY,
    ) -> None:
        self.bounds = tuple(bounds)
        super().__init__(name, help, labels=labels, series=series, capacity=capacity, memory=memory)

    def observe(self, value: float, *values: str) -> None:
        """Count *value* in the series of the label *values*."""
        first, bounds = self._cell(values), self.bounds
        self._memory.inc(first + bisect_left(bounds, value), 1)
        self._memory.inc(first + len(bounds) + 1, value)

    def observe_all(self, observed: Sequence[float], *values: str) -> None:
        """Count each of *observed* in the series of the label *values*; many cost little more than one."""
        first, bounds = self._cell(values), self.bounds
        for bucket, count in Occurrences(bisect_left(bounds, value) for value in observed).items():
            self._memory.inc(first + bucket, count)
        self._memory.inc(first + len(bounds) + 1, sum(observed))

    def count(self, *values: str) -> float:
        """Return how many values a series has counted."""
        return sum(self._bucket_counts(self._cell(values)))

    def collect(self) -> Iterator[Metric]:
        """Yield the buckets of each series."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        names = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        for values, first in self._cells.items():
            counts = self._bucket_counts(first)
            if any(counts) or not self.sparse:
                buckets = list(zip(names, accumulate(counts), strict=True))
                family.add_metric(values, buckets, self._memory.total(first + len(names)))
        yield family

    def _bucket_counts(self, first: int) -> list[float]:
        """Return the count of each bucket, not cumulated, of the series that starts at the cell *first*."""
        return [self._memory.total(first + place) for place in range(len(self.bounds) + 1)]

    def _cells_per_series(self) -> int:
        """One for each bound, one above the last, and the sum."""
        return len(self.bounds) + 2
