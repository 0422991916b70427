"""The cell of a process, as a metric to join with the others."""

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric


class CellInfo:
    """A metric that is always 1, with the name of the cell as its label."""

    def __init__(self, cell: str) -> None:
        self._cell = cell

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        family = GaugeMetricFamily("mergelane_cell", "1; the label is MERGELANE_CELL.", labels=["cell"])
        family.add_metric([self._cell], 1)
        yield family
