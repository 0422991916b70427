"""The text that Prometheus scrapes."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE_LATEST", "MetricSource", "expose", "make_registry"]


class MetricSource(Protocol):
    """An instrument, or an object that looks its metrics up at each scrape."""

    def collect(self) -> Iterable[Metric]:
        """Return the current metrics."""


class _SourcesCollector(Collector):
    def __init__(self, sources: tuple[MetricSource, ...]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        for source in self._sources:
            yield from source.collect()


def make_registry(*sources: MetricSource, process: bool = False) -> CollectorRegistry:
    """Return a registry of *sources*, and with *process* of the kernel's numbers of this process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SourcesCollector(sources))
    if process:
        ProcessCollector(registry=registry)
    return registry


def expose(*sources: MetricSource) -> bytes:
    """Return all metrics of *sources* as text."""
    return generate_latest(make_registry(*sources))
