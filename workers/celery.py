"""The Celery application: `celery -A workers worker`, `celery -A workers flower`."""

import logging
import sys
from typing import Any

from celery import Celery
from celery.concurrency.prefork import TaskPool as PreforkPool
from celery.signals import (
    celeryd_after_setup,
    celeryd_init,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from celery.utils.nodenames import default_nodename, gethostname

from app.broker_url import SENTINEL, parse_broker_url
from app.config import Settings
from app.db.installation import connect_and_read_name
from app.db.startup import require_schema, wait_until_ready
from app.environment import drop_celery_overrides
from app.errors import SetupError
from app.gc_tuning import tune_gc
from app.logs import configure_logging
from app.telemetry import spans
from workers import resources
from workers.consumer import quiet_celery
from workers.health import HealthFile
from workers.node_names import unique_name
from workers.redis_transport import use_guarded_transport
from workers.tls import tls_options

#: The one queue of an installation is named after it. The relay publishes to it, and every worker consumes it.
QUEUE = "mergelane"
#: Lanes that a worker prefetches: one running and one waiting hides the round trip; more would keep lanes from idle
#: workers.
PREFETCH = 2
#: Timeout in seconds of a broker that does not answer.
BROKER_TIMEOUT_S = 5
#: Loggers with two lines for every task; the ledger and Flower have the same information.
VERBOSE_LOGGERS = ("celery.app.trace", "celery.worker.strategy")


def make_celery(settings: Settings) -> Celery:
    """Return the Celery application for *settings*.

    It sets the broker's URL itself, or Celery's own environment variables would override it.
    """
    broker = parse_broker_url(settings.broker_url) if settings.broker_url else None
    url = broker.for_celery() if broker else ""
    queue_type = "quorum" if broker and not broker.is_redis else "classic"
    celery = Celery("mergelane", set_as_current=False, include=["workers.tasks", "workers.watchdog"])
    celery.conf.update(
        broker_url=url,
        broker_read_url=url,
        broker_write_url=url,
        broker_use_ssl=tls_options(settings.broker_url),
        broker_connection_retry_on_startup=True,
        # None: a worker retries without limit while the broker is unavailable.
        broker_connection_max_retries=None,
        # An error reply of the broker, such as "out of memory", is no reason to end either.
        broker_channel_error_retry=True,
        broker_transport_options=transport_options(settings),
        # RabbitMQ: a connection that is silent for so long is closed by the server, and its messages are delivered
        # again. A worker sends no heartbeat while a lane runs.
        broker_heartbeat=settings.visibility_timeout_s,
        # RabbitMQ: a quorum queue survives the loss of a node. A worker consumes the default queue. For the relay the
        # queue of the installation is a missing one.
        task_default_queue_type=queue_type,
        task_create_missing_queue_type=queue_type,
        # The ledger stores the outcomes; a result backend would duplicate them.
        result_backend=None,
        task_ignore_result=True,
        # A message is acknowledged after its lane, so that the message of a worker that dies is delivered again.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_default_queue=QUEUE,
        task_create_missing_queues=True,
        worker_prefetch_multiplier=PREFETCH,
        worker_send_task_events=True,
        task_send_sent_event=False,
        worker_hijack_root_logger=False,
        worker_consumer="workers.consumer:WaitingConsumer",
        # A cold shutdown waits for nothing: its handler runs in the thread of the lane, which stands still meanwhile.
        worker_soft_shutdown_timeout=0,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
    )
    return celery


def queue_name(installation: str) -> str:
    """Return the queue of the *installation*. Without a name it is that of versions before installations had names."""
    return f"{QUEUE}-{installation}" if installation else QUEUE


def transport_options(settings: Settings) -> dict[str, object]:
    """Return the options of the broker's transport.

    RabbitMQ: without time limits, a call waits for ever on a connection that a firewall has dropped.

    Redis: the visibility timeout must exceed the longest lane, which the statement timeouts bound; the shortest value
    of any application on the same Redis database wins, so Mergelane needs a database of its own. The restore interval
    of one second makes redelivery follow the timeout closely; by default it may take 100 seconds more. A worker that is
    killed while it looks for messages to restore leaves its lock on that behind, by default for five minutes.
    """
    broker = parse_broker_url(settings.broker_url) if settings.broker_url else None
    if broker is None:
        return {}
    if not broker.is_redis:
        return {"read_timeout": BROKER_TIMEOUT_S, "write_timeout": BROKER_TIMEOUT_S}
    timeouts = {"socket_timeout": BROKER_TIMEOUT_S, "socket_connect_timeout": BROKER_TIMEOUT_S}
    sentinel = {
        "master_name": broker.options.get("master_name"),
        # The connections to the Sentinels themselves.
        "sentinel_kwargs": {**timeouts, **broker.sentinel_arguments()},
    }
    return {
        "visibility_timeout": settings.visibility_timeout_s,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": BROKER_TIMEOUT_S,
        **timeouts,
        "socket_keepalive": True,
        "health_check_interval": BROKER_TIMEOUT_S,
        **(sentinel if broker.scheme == SENTINEL else {}),
    }


@celeryd_init.connect
def name_worker(instance: Any, **_: object) -> None:
    """Give a worker that was started without -n a name that no other has; *instance* is the worker."""
    if instance.hostname == default_nodename(None):
        instance.hostname = f"{unique_name('worker')}@{gethostname()}"


@setup_logging.connect
def log_as_we_do(**_: object) -> None:
    """Configure logging as all of Mergelane's processes do, instead of Celery's way."""
    configure_logging(resources.settings())
    for name in VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    quiet_celery()


@worker_init.connect
def write_health_file(**_: object) -> None:
    """Write the health file from now on: a worker that waits for a server is not ready, but healthy.

    Connected first, because receivers run in this order.
    """
    if path := resources.settings().health_file:
        HealthFile(path).start()


@worker_init.connect
def choose_queue(**_: object) -> None:
    """Wait for the database, whose schema must be new enough, and consume the queue of its installation.

    Celery catches the errors of signal handlers, but not SystemExit.
    """
    # Celery configures logging only afterwards.
    log_as_we_do()
    try:
        resources.installation_name = wait_until_ready(_find_installation, process="worker") or ""
    except SetupError as error:
        logging.getLogger(__name__).critical("%s", error)
        sys.exit(1)
    queue = queue_name(resources.installation_name)
    app.conf.task_default_queue = queue
    # Celery has read the former name already. It builds this object again from the settings.
    del app.amqp
    if app.conf.broker_transport_options:
        # Keys in which kombu keeps delivered messages, with the visibility timeout of their own workers.
        own = {f"{key}_key": f"{queue}.{key}" for key in ("unacked", "unacked_index", "unacked_mutex")}
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, **own}


def _find_installation() -> str:
    settings = resources.settings()
    require_schema(settings)
    return connect_and_read_name(settings)


@worker_ready.connect
def tune_garbage_collector(**_: object) -> None:
    """Exclude the objects loaded at the start from garbage collections."""
    tune_gc()


@worker_ready.connect
@worker_process_init.connect
def send_traces(**_: object) -> None:
    """Send spans to OTEL_EXPORTER_OTLP_ENDPOINT."""
    spans.start_tracing(resources.settings(), service="worker")


@celeryd_after_setup.connect
def write_heartbeat(instance: Any, **_: object) -> None:
    """Write the heartbeat from now on, also while the broker is away; *instance* is the worker."""
    resources.start_heartbeat(instance.hostname, forks=issubclass(instance.pool_cls, PreforkPool))


@worker_ready.connect
def serve_worker_metrics(**_: object) -> None:
    """Serve the metrics of this worker at MERGELANE_METRICS_ADDRESS."""
    resources.serve_metrics()


@worker_shutdown.connect
@worker_process_shutdown.connect
def close_pool(**_: object) -> None:
    """Close the pool and the metrics server when the worker ends."""
    resources.close_resources()
    spans.stop_tracing()


drop_celery_overrides()
use_guarded_transport()
app = make_celery(resources.settings())
