"""Counters, gauges and histograms upon the board, each with a bounded number of series."""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, product
from typing import ClassVar

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from app.metrics.shared_memory import BOARD, Board

Labels = tuple[str, ...]


def every(*values: Iterable[str]) -> list[Labels]:
    """Return every combination of the labels' *values*."""
    return list(product(*values))


class Instrument:
    """A metric: a name, a sentence, and a series for each combination of labels that was declared.

    Series that come to be known later are declared by all processes in the same order, up to *capacity* of them; those
    of a *sparse* metric are told once they were used.
    """

    #: Numbers that one series takes on the board.
    width: ClassVar[int] = 1
    fleeting: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        told: str,
        *,
        labels: Labels = (),
        series: Sequence[Labels] | None = None,
        capacity: int = 0,
        board: Board = BOARD,
    ) -> None:
        self.name, self.told, self.labels = name, told, labels
        given = [()] if series is None and not labels else series or []
        self.sparse = capacity > 0
        self._board = board
        self._capacity = max(capacity, len(given))
        self._first = board.reserve(self._capacity * self._numbers(), fleeting=self.fleeting)
        self._cells: dict[Labels, int] = {}
        self.declare(given)

    def declare(self, series: Iterable[Labels]) -> None:
        """Give each of *series* its place; those beyond the capacity are left out, and count as nothing."""
        for values in series:
            if values not in self._cells and len(self._cells) < self._capacity:
                self._cells[values] = self._first + len(self._cells) * self._numbers()

    def knows(self, values: Labels) -> bool:
        """Return whether the series of these label *values* was declared."""
        return values in self._cells

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus is told."""
        raise NotImplementedError

    def _numbers(self) -> int:
        """Return how many numbers one series takes."""
        return self.width


class Counter(Instrument):
    """A number that only grows, summed over the processes that share it."""

    def add(self, amount: float = 1, *values: str) -> None:
        """Count *amount* more in the series of the label *values*."""
        cell = self._cells.get(values)
        if cell is not None:
            self._board.add(cell, amount)

    def value(self, *values: str) -> float:
        """Return what all processes have counted in a series."""
        return self._board.total(self._cells[values])

    def collect(self) -> Iterator[Metric]:
        """Yield the sum of each series."""
        family = CounterMetricFamily(self.name, self.told, labels=self.labels)
        for values in self._cells:
            total = self.value(*values)
            if total or not self.sparse:
                family.add_metric(values, total)
        yield family


class Gauge(Instrument):
    """A number that goes up and down, summed over the processes that live."""

    fleeting = True

    def add(self, amount: float, *values: str) -> None:
        """Change this process's number by *amount*."""
        cell = self._cells.get(values)
        if cell is not None:
            self._board.add(cell, amount)

    def put(self, value: float, *values: str) -> None:
        """Let this process's number be *value*."""
        cell = self._cells.get(values)
        if cell is not None:
            self._board.put(cell, value)

    def value(self, *values: str) -> float:
        """Return the sum of what living processes say."""
        return self._board.total(self._cells[values])

    def collect(self) -> Iterator[Metric]:
        """Yield the value of each series."""
        family = GaugeMetricFamily(self.name, self.told, labels=self.labels)
        for values in self._cells:
            family.add_metric(values, self.value(*values))
        yield family


class Latest(Gauge):
    """A moment, in seconds since the epoch: the latest that a living process has noted."""

    def value(self, *values: str) -> float:
        """Return the latest moment; 0 when there was none."""
        return self._board.greatest(self._cells[values])


class Histogram(Instrument):
    """How often values fell up to each of some bounds, and their sum."""

    def __init__(  # noqa: PLR0913  as above
        self,
        name: str,
        told: str,
        *,
        bounds: Sequence[float],
        labels: Labels = (),
        series: Sequence[Labels] | None = None,
        capacity: int = 0,
        board: Board = BOARD,
    ) -> None:
        self.bounds = tuple(bounds)
        super().__init__(name, told, labels=labels, series=series, capacity=capacity, board=board)

    def observe(self, value: float, *values: str) -> None:
        """Note *value* in the series of the label *values*."""
        self.observe_all([value], *values)

    def observe_all(self, observed: Sequence[float], *values: str) -> None:
        """Note each of *observed* in the series of the label *values*; many cost little more than one."""
        first = self._cells.get(values)
        if first is not None:
            bounds = self.bounds
            for place, count in Tally(bisect_left(bounds, value) for value in observed).items():
                self._board.add(first + place, count)
            self._board.add(first + len(bounds) + 1, sum(observed))

    def count(self, *values: str) -> float:
        """Return how many values were noted in a series."""
        return sum(self._counts(self._cells[values]))

    def collect(self) -> Iterator[Metric]:
        """Yield the buckets of each series."""
        family = HistogramMetricFamily(self.name, self.told, labels=self.labels)
        names = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        for values, first in self._cells.items():
            counts = self._counts(first)
            if any(counts) or not self.sparse:
                buckets = list(zip(names, accumulate(counts), strict=True))
                family.add_metric(values, buckets, self._board.total(first + len(names)))
        yield family

    def _counts(self, first: int) -> list[float]:
        """Return how many values fell between each two bounds, in the series that begins at the cell *first*."""
        return [self._board.total(first + place) for place in range(len(self.bounds) + 1)]

    def _numbers(self) -> int:
        """Return how many numbers one series takes: one for each bound, one beyond them, and the sum."""
        return len(self.bounds) + 2
