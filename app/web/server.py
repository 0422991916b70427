"""Gunicorn's configuration, as a module: `gunicorn --config python:app.web.server 'app.web:create_app()'`.

The address to listen on is the caller's to say, by `--bind`.
"""

import logging
import signal
import sys
from types import FrameType
from typing import Any

from app.config import Settings
from app.errors import SetupError
from app.garbage import collect_seldom
from app.logs import catch_the_uncaught, configuration
from app.db.schema_version import require
from app.web.draining import drain_first
from app.web.waiting import CLOSING

SETTINGS = Settings.from_environ()

worker_class = "app.web.worker.Worker"
workers = SETTINGS.web_processes
threads = SETTINGS.web_threads
#: Bytes of a request's first line: an external_id of its greatest length, escaped for a URL, needs most of them.
limit_request_line = 8_190
#: Seconds that a kept connection may be idle. Longer than a poller's pause, so that it need not connect again.
keepalive = 15
#: Seconds without a sign of life after which a worker process is replaced. Threads answer beside the sign of life, so
#: that a request that waits on purpose does not count.
timeout = 60
#: Seconds that requests in hand may take to end after SIGTERM. Those that merely wait for a batch end at once.
graceful_timeout = 20
#: Headers by which clients on this machine would say under which path we are mounted; nobody is to.
forwarder_headers = ""
#: A file in the user's home that two servers of one user would fight over; signals do all that is needed.
control_socket_disable = True
#: Gunicorn's own lines go where all lines go. Answers are logged by app.web.tracing, without personal data.
accesslog = None
LOGGING = configuration(SETTINGS)
logconfig_dict = LOGGING | {
    "filters": {**LOGGING["filters"], "without_requests": {"()": "app.web.server.WithoutRequests"}},
    "loggers": {
        **LOGGING["loggers"],
        "gunicorn.error": {
            # At DEBUG it tells the path of every request.
            "level": "INFO" if SETTINGS.log_level == "DEBUG" else SETTINGS.log_level,
            "handlers": [],
            "propagate": True,
            "filters": ["without_requests"],
        },
        "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": False},
    },
}


class WithoutRequests(logging.Filter):
    """Takes out of gunicorn's own lines what they quote of requests: addresses, URLs with their queries, headers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, without what it quotes."""
        if str(record.msg).startswith("Invalid request from ip="):
            record.msg, record.args = "A request that is not sound HTTP was refused", ()
        elif str(record.msg).startswith("Error handling request"):
            record.msg, record.args = "A request could not be handled", ()
        return True


def on_starting(_: Any) -> None:
    """End at once, with a sentence, when the schema is older than this code needs."""
    catch_the_uncaught()
    try:
        require(SETTINGS)
    except SetupError as error:
        logging.getLogger(__name__).critical("%s", error)
        sys.exit(1)


def when_ready(_: Any) -> None:
    """Have the first process drain before it does what gunicorn does on SIGTERM."""
    stop = signal.getsignal(signal.SIGTERM)
    if callable(stop):
        drain_first(stop, seconds=SETTINGS.drain_s)


def post_worker_init(worker: Any) -> None:
    """Let requests that wait for a batch be answered as soon as the process is asked to end; tidy up seldom."""

    def end(number: int, frame: FrameType | None) -> None:
        CLOSING.set()
        worker.handle_exit(number, frame)

    collect_seldom()
    signal.signal(signal.SIGTERM, end)
    signal.siginterrupt(signal.SIGTERM, False)  # noqa: FBT003  as gunicorn has it: requests in hand go on undisturbed
