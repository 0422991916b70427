"""What operators measure: counters that all processes of one server share, in the form that Prometheus reads.

A counter lives in memory that gunicorn's processes inherit from their parent, so that any of them can tell the sum of
all. Each process adds in a slot of its own: nobody holds a lock that a killed process could take with it.
"""

import os
from collections.abc import Iterator
from multiprocessing.sharedctypes import RawArray
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE_LATEST", "REQUESTS", "SHED_REQUESTS", "UNCOUNTED_REQUESTS", "SharedCounter", "exposition"]

#: Slots of a counter. Two processes share one only when their numbers differ by a multiple of this.
SLOTS = 1_024


class SharedCounter:
    """A number that only grows, summed over the processes that share it."""

    def __init__(self, name: str, told: str) -> None:
        """Count under *name*; *told* says what is counted. To be made before processes fork."""
        self.name = name
        self.told = told
        self._slots = RawArray("Q", SLOTS)
        self._lock = Lock()

    @property
    def value(self) -> int:
        """What all processes have counted."""
        return sum(self._slots)

    def add(self) -> None:
        """Count one more."""
        with self._lock:
            self._slots[os.getpid() % SLOTS] += 1


REQUESTS = SharedCounter("mergelane_http_requests", "Requests that the front door has answered.")
UNCOUNTED_REQUESTS = SharedCounter(
    "mergelane_rate_limits_uncounted_requests",
    "Requests let in uncounted because the Redis that keeps the rate limits did not answer.",
)


SHED_REQUESTS = SharedCounter(
    "mergelane_shed_requests", "Requests refused because too many jobs of their workspace waited."
)


class _Counters(Collector):
    """Hands the shared counters to Prometheus's own exposition."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield each counter with its sum."""
        for counter in (REQUESTS, UNCOUNTED_REQUESTS, SHED_REQUESTS):
            yield CounterMetricFamily(counter.name, counter.told, value=counter.value)


def exposition() -> bytes:
    """Return all metrics as the text that Prometheus scrapes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counters())
    return generate_latest(registry)
