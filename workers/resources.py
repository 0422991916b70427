"""The settings, the pool and the metrics server of a worker process, created at their first use."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

from app.config import Settings
from app.db.connections import APP_ROLE, Connection, Pool, connection_arguments, lend_connection, open_pool
from app.metrics.cell import CellInfo
from app.metrics.serving import MetricsServer
from app.metrics.worker import WORKER
from app.system.heartbeats import Heartbeat

#: The name of the installation whose queue this worker consumes.
installation_name = ""
_heartbeats: list[Heartbeat] = []


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
    return MetricsServer(settings().metrics_address, *WORKER, CellInfo(settings().cell))


def start_heartbeat(name: str, *, forks: bool) -> None:
    """Write the heartbeat of the worker *name*. A process that *forks* opens no pool: its children would share it."""
    lend = _connect if forks else partial(lend_connection, pool())
    _heartbeats.append(Heartbeat("worker", settings(), lend, name=name, uses_broker=True))
    _heartbeats[-1].start()


@contextmanager
def _connect() -> Iterator[Connection]:
    arguments = connection_arguments(settings(), name="heartbeat", role=APP_ROLE)
    with Connection.connect(settings().database_url, **arguments) as connection:
        yield connection


def close_resources() -> None:
    """End the heartbeat, and close the pool and the metrics server, if they are open."""
    while _heartbeats:
        _heartbeats.pop().close()
    if serve_metrics.cache_info().currsize:
        serve_metrics().close()
        serve_metrics.cache_clear()
    if pool.cache_info().currsize:
        pool().close()
        pool.cache_clear()
