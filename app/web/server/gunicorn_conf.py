"""Gunicorn's configuration: `gunicorn --config python:app.web.server.gunicorn_conf 'app.web:create_app()'`.

It listens on MERGELANE_WEB_HOST and PORT, unless the caller adds another address as `--bind`.
"""

import logging
import signal
import sys
from types import FrameType
from typing import Any

from app.config import Settings
from app.db.connections import lend_connection
from app.db.startup import wait_for_schema
from app.errors import SetupError
from app.gc_tuning import tune_gc
from app.logs import log_uncaught_errors, logging_configuration
from app.process_group import ProcessGroup
from app.system.heartbeats import Heartbeat
from app.web.metrics import metric_sources
from app.web.prefer_wait import CLOSING
from app.web.resources import resources_of
from app.web.server.draining import drain_first
from app.web.server.gunicorn_worker import raise_open_files
from app.web.server.metrics_turn import MetricsTurn
from app.web.thread_switching import set_switch_interval
from app.web.workspace_shares import join_group

SETTINGS = Settings.of_process()
#: Made before the processes fork.
GROUP = ProcessGroup()
METRICS_TURN = MetricsTurn(SETTINGS.metrics_address)
#: The heartbeat of this process, after the fork.
HEARTBEATS: list[Heartbeat] = []

bind = f"[{SETTINGS.web_host}]:{SETTINGS.port}" if ":" in SETTINGS.web_host else f"{SETTINGS.web_host}:{SETTINGS.port}"
worker_class = "app.web.server.gunicorn_worker.MergelaneWorker"
workers = SETTINGS.web_processes
threads = SETTINGS.web_threads
#: Seconds without a heartbeat after which a worker process is replaced. Requests run in other threads than the
#: heartbeat, so that a long request does not stop it.
timeout = 60
#: Seconds after SIGTERM for running requests. Requests that wait for a batch end at once.
graceful_timeout = 20
#: Two servers of one user would share this socket; signals are enough.
control_socket_disable = True
#: Gunicorn logs like all other modules. app.web.request_logging logs responses, without personal data.
accesslog = None
LOGGING = logging_configuration(SETTINGS)
logconfig_dict = LOGGING | {
    "filters": {**LOGGING["filters"], "without_requests": {"()": "app.web.server.gunicorn_conf.RedactRequests"}},
    "loggers": {
        **LOGGING["loggers"],
        "gunicorn.error": {
            # At DEBUG it logs the path of every request.
            "level": "INFO" if SETTINGS.log_level == "DEBUG" else SETTINGS.log_level,
            "handlers": [],
            "propagate": True,
        },
        "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": False},
        "waitress": {"level": "WARNING", "handlers": [], "propagate": True, "filters": ["without_requests"]},
        # It warns whenever a request waits for a thread.
        "waitress.queue": {"level": "ERROR", "handlers": [], "propagate": True},
    },
}


class RedactRequests(logging.Filter):
    """Removes addresses and URLs of requests from log lines of waitress."""

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("Exception while serving"):
            record.msg, record.args = "request_not_handled", ()
        return True


def on_starting(_: Any) -> None:
    """Wait while the schema is older than this code needs, before anything listens; exit without a DATABASE_URL."""
    log_uncaught_errors()
    raise_open_files()
    try:
        wait_for_schema(SETTINGS, process="web")
    except SetupError as error:
        logging.getLogger(__name__).critical("%s", error)
        sys.exit(1)


def when_ready(_: Any) -> None:
    """Make the first process drain on SIGTERM before gunicorn stops."""
    stop = signal.getsignal(signal.SIGTERM)
    if callable(stop):
        drain_first(stop, seconds=SETTINGS.drain_s)


def post_worker_init(worker: Any) -> None:
    """Prepare a process that was forked.

    Tune garbage collection, join the group, serve the metrics and write heartbeats. On SIGTERM answer requests that
    wait for a batch.
    """

    def end(number: int, frame: FrameType | None) -> None:
        CLOSING.set()
        worker.handle_exit(number, frame)

    tune_gc()
    set_switch_interval(is_alone=True)
    join_group(worker.wsgi, GROUP)
    METRICS_TURN.start(*metric_sources(worker.wsgi))
    resources = resources_of(worker.wsgi)
    heartbeat = Heartbeat("web", resources.settings, lambda: lend_connection(resources.pool))
    heartbeat.start()
    HEARTBEATS.append(heartbeat)
    signal.signal(signal.SIGTERM, end)
    signal.siginterrupt(signal.SIGTERM, False)  # noqa: FBT003  as gunicorn does: running requests continue


def worker_exit(_: Any, __: Any) -> None:
    """Stop serving the metrics and the heartbeat, before the pool closes that they use."""
    for heartbeat in HEARTBEATS:
        heartbeat.close()
    METRICS_TURN.close()
