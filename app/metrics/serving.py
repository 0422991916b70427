"""A small HTTP server for the metrics of processes that have none, at MERGELANE_METRICS_ADDRESS.

It requires no key and serves only numbers; choose an address that only Prometheus can reach.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from app.metrics.database import DATABASE
from app.metrics.exposition import MetricSource, make_registry
from app.metrics.servers import SERVERS

log = logging.getLogger(__name__)


class MetricsServer:
    """The server of one process's metrics; without an address it does nothing."""

    def __init__(self, address: str, *sources: MetricSource) -> None:
        """Serve *sources* and the metrics of every process at *address* (HOST:PORT, or empty).

        An address that cannot be bound is logged, and the process works without metrics.
        """
        self._server = None
        if not address:
            return
        host, _, port = address.rpartition(":")
        registry = make_registry(*sources, *DATABASE, *SERVERS, process=True)
        try:
            self._server, self._thread = start_http_server(int(port), host.strip("[]"), registry)
        except (OSError, OverflowError) as error:
            log.error("metrics_not_served", extra={"address": address, "reason": str(error)})  # noqa: TRY400
            return
        log.info("metrics_served", extra={"address": address})

    def close(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


@contextmanager
def serve_metrics(address: str, *sources: MetricSource) -> Iterator[None]:
    """Serve *sources* and the metrics of every process at *address* until the block ends."""
    server = MetricsServer(address, *sources)
    try:
        yield
    finally:
        server.close()
