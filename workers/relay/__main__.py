"""The relay's entry: publishing, rescue, pruning, analysis and duplicates, a thread each, until SIGTERM or SIGINT."""

import logging
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from app.config import Settings
from app.db.connections import Pool, open_pool
from app.db.schema_version import require_schema
from app.gc_tuning import tune_gc
from app.logs import configure_logging
from app.metrics.relay import RELAY
from app.metrics.serving import serve
from app.telemetry import spans
from workers.broker import Broker, BrokerUnavailable
from workers.celery import make_celery
from workers.loop import repeat
from workers.relay.analysis import Analyst
from workers.relay.duplicates import Runner
from workers.relay.prune import Pruner
from workers.relay.publishing import Publisher
from workers.relay.rescue import Rescuer

log = logging.getLogger(__name__)

MILLISECONDS = 1000
#: Seconds between two looks at how tables have grown; PostgreSQL itself does not count changes more often.
ANALYZE_EVERY_S = 1.0
#: Seconds between two looks whether duplicates are to be merged, or whether a run that pauses may go on.
DUPLICATES_EVERY_S = 0.5


def main() -> None:
    """Run the relay until it is told to stop; what it was publishing is finished first.

    Raises what a service failed with, when one did, and SetupError when the schema is older than this code needs.
    """
    settings = Settings.from_environ()
    configure_logging(settings)
    require_schema(settings)
    spans.start_tracing(settings, service="relay")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    tune_gc()
    log.info("relay_started")
    services = (_publish, _rescue, _prune, _analyze, _merge_duplicates)
    with (
        serve(settings.metrics_address, *RELAY),
        open_pool(settings, name="relay") as pool,
        ThreadPoolExecutor(len(services)) as threads,
    ):
        running = [threads.submit(_until_stopped, service, pool, settings, stop) for service in services]
        stop.wait()
    for service in running:
        service.result()
    spans.stop_tracing()
    log.info("relay_stopped")


def _until_stopped(
    service: Callable[[Pool, Settings, Event], None], pool: Pool, settings: Settings, stop: Event
) -> None:
    """Run *service*; when it fails the others stop too, so that the process ends and is started afresh."""
    try:
        service(pool, settings, stop)
    finally:
        stop.set()


def _publish(pool: Pool, settings: Settings, stop: Event) -> None:
    """Publish until told to stop."""
    with Broker(make_celery(settings)) as broker:
        publisher = Publisher(pool, settings, broker)
        pause_s = settings.relay_poll_ms / MILLISECONDS
        repeat(publisher.run_once, pause_s=pause_s, stop=stop, name="relay", away_when=(BrokerUnavailable,))


def _rescue(pool: Pool, settings: Settings, stop: Event) -> None:
    """Rescue until told to stop."""
    with Broker(make_celery(settings)) as broker:
        rescuer = Rescuer(pool, settings, broker)
        # A sweep that found something is no reason to sweep again at once, so idleness is not told apart.
        repeat(
            lambda: rescuer.run_once() and 0,
            pause_s=settings.rescue_every_s,
            stop=stop,
            name="rescue",
            away_when=(BrokerUnavailable,),
        )


def _prune(pool: Pool, settings: Settings, stop: Event) -> None:
    """Prune until told to stop; a backlog of old batches is pruned chunk after chunk."""
    pruner = Pruner(pool, settings)
    repeat(pruner.run_once, pause_s=settings.prune_every_s, stop=stop, name="prune")


def _analyze(pool: Pool, settings: Settings, stop: Event) -> None:
    """Keep PostgreSQL's statistics up with the tables until told to stop."""
    del settings
    repeat(Analyst(pool).run_once, pause_s=ANALYZE_EVERY_S, stop=stop, name="analysis")


def _merge_duplicates(pool: Pool, settings: Settings, stop: Event) -> None:
    """Take steps of the runs over duplicates until told to stop."""
    repeat(Runner(pool, settings).run_once, pause_s=DUPLICATES_EVERY_S, stop=stop, name="duplicates")


if __name__ == "__main__":
    main()
