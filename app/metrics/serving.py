"""The metrics of a process without HTTP, at MERGELANE_METRICS_ADDRESS.

The address requires no key; choose one that only Prometheus can reach.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.metrics.database import DATABASE
from app.metrics.exposition import MetricSource, make_registry
from app.metrics.listener import MetricsListener
from app.metrics.servers import SERVERS

log = logging.getLogger(__name__)


class MetricsServer:
    """The server of one process's metrics; without an address it does nothing."""

    def __init__(self, address: str, *sources: MetricSource) -> None:
        """Serve *sources* and the metrics of every process at *address* (HOST:PORT, or empty).

        An address that cannot be bound is logged, and the process works without metrics.
        """
        self._listener: MetricsListener | None = None
        if not address:
            return
        try:
            self._listener = MetricsListener(address, make_registry(*sources, *DATABASE, *SERVERS, process=True))
        except (OSError, OverflowError) as error:
            log.error("metrics_not_served", extra={"address": address, "reason": str(error)})  # noqa: TRY400
            return
        log.info("metrics_served", extra={"address": address})

    def close(self) -> None:
        """Stop the server."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None


@contextmanager
def serve_metrics(address: str, *sources: MetricSource) -> Iterator[None]:
    """Serve *sources* and the metrics of every process at *address* until the block ends."""
    server = MetricsServer(address, *sources)
    try:
        yield
    finally:
        server.close()
