"""The settings, the pool and the metrics server of a worker process, created at their first use."""

from functools import cache

from app.config import Settings
from app.db.connections import Pool, open_pool
from app.metrics.serving import MetricsServer
from app.metrics.worker import WORKER

#: The name of the installation whose queue this worker consumes.
installation_name = ""


@cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings.of_process()


@cache
def pool() -> Pool:
    """Return the pool of this process. It must be opened after a fork, never before."""
    return open_pool(settings(), name="worker")


@cache
def serve_metrics() -> MetricsServer:
    """Serve the metrics of this process at MERGELANE_METRICS_ADDRESS."""
    return MetricsServer(settings().metrics_address, *WORKER)


def close_resources() -> None:
    """Close the pool and the metrics server, if they are open."""
    if serve_metrics.cache_info().currsize:
        serve_metrics().close()
        serve_metrics.cache_clear()
    if pool.cache_info().currsize:
        pool().close()
        pool.cache_clear()
