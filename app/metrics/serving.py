"""Metrics of processes that have no HTTP of their own: a small server, where MERGELANE_METRICS_ADDRESS says.

It asks nobody for a key, since it tells numbers alone; so the address is to be one that only Prometheus reaches.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from app.metrics.database import DATABASE
from app.metrics.exposition import MetricSource, make_registry

LOG = logging.getLogger(__name__)


class MetricsServer:
    """The server of one process's metrics; without an address there is none."""

    def __init__(self, address: str, *sources: MetricSource) -> None:
        """Show *sources*, and what every process measures, at *address* (HOST:PORT, or nothing).

        An address that cannot be had is told and no more: no merge waits for its being counted.
        """
        self._server = None
        if not address:
            return
        host, _, port = address.rpartition(":")
        shown = make_registry(*sources, *DATABASE, process=True)
        try:
            self._server, self._thread = start_http_server(int(port), host.strip("[]"), shown)
        except (OSError, OverflowError) as error:
            LOG.error("The metrics cannot be shown", extra={"address": address, "reason": str(error)})  # noqa: TRY400
            return
        LOG.info("metrics_shown", extra={"address": address})

    def close(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


@contextmanager
def serve_metrics(address: str, *sources: MetricSource) -> Iterator[None]:
    """Show *sources*, and what every process measures, at *address* for as long as the block takes."""
    served = MetricsServer(address, *sources)
    try:
        yield
    finally:
        served.close()
