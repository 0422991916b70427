"""The text that Prometheus scrapes."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE_LATEST", "MetricSource", "expose", "make_registry"]


class MetricSource(Protocol):
    """Whatever can tell metrics: an instrument, or something that looks them up when it is asked."""

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they stand."""


class _Collected(Collector):
    """Hands *sources* to Prometheus's own exposition."""

    def __init__(self, sources: tuple[MetricSource, ...]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics of all sources."""
        for source in self._sources:
            yield from source.collect()


def make_registry(*sources: MetricSource, process: bool = False) -> CollectorRegistry:
    """Return a registry that tells *sources*, and with *process* what the kernel knows of this process."""
    made = CollectorRegistry(auto_describe=False)
    made.register(_Collected(sources))
    if process:
        ProcessCollector(registry=made)
    return made


def expose(*sources: MetricSource) -> bytes:
    """Return all metrics of *sources* as text."""
    return generate_latest(make_registry(*sources))
