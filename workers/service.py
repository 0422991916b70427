"""Runs the services of a process, a thread each, until SIGTERM or SIGINT."""

import logging
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

from app.config import Settings
from app.db.connections import Pool, lend_connection, open_pool
from app.db.startup import wait_for_schema
from app.gc_tuning import tune_gc
from app.logs import configure_logging
from app.metrics.cell import CellInfo
from app.metrics.exposition import MetricSource
from app.metrics.serving import serve_metrics
from app.system.heartbeats import write_heartbeat
from app.telemetry import spans
from workers.health import write_health

log = logging.getLogger(__name__)

#: Works until the event is set.
Service = Callable[[Pool, Settings, Event], None]


def run_services(
    process: str, services: Sequence[Service], *, metrics: Sequence[MetricSource], uses_broker: bool = False
) -> None:
    """Run *services* until a signal stops them; each completes its current round first.

    Waits while the database schema is older than this code needs. Raises the error of a service that failed, and
    SetupError when DATABASE_URL is not set.
    """
    settings = Settings.of_process()
    configure_logging(settings)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sources = (*metrics, CellInfo(settings.cell))
    with serve_metrics(settings.metrics_address, *sources), write_health(settings.health_file):
        wait_for_schema(settings, process=process, stop=stop)
        spans.start_tracing(settings, service=process)
        tune_gc()
        log.info("%s_started", process)
        with (
            open_pool(settings, name=process) as pool,
            write_heartbeat(process, settings, partial(lend_connection, pool), uses_broker=uses_broker),
            ThreadPoolExecutor(len(services)) as threads,
        ):
            running = [threads.submit(_run_until_stopped, service, pool, settings, stop) for service in services]
            stop.wait()
    for service in running:
        service.result()
    spans.stop_tracing()
    log.info("%s_stopped", process)


def _run_until_stopped(service: Service, pool: Pool, settings: Settings, stop: Event) -> None:
    """Run *service*; when it fails, stop the others too, so that the process ends and is restarted."""
    try:
        service(pool, settings, stop)
    finally:
        stop.set()
