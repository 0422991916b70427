"""Gunicorn's configuration, as a module: `gunicorn --config python:app.web.server 'app.web:create_app()'`.

The address to listen on is the caller's to say, by `--bind`.
"""

import signal
from types import FrameType
from typing import Any

from app.config import Settings
from app.logs import configuration
from app.web.waiting import CLOSING

SETTINGS = Settings.from_environ()

worker_class = "gthread"
workers = SETTINGS.web_processes
threads = SETTINGS.web_threads
#: Seconds that a kept connection may be idle. Longer than a poller's pause, so that it need not connect again.
keepalive = 15
#: Seconds without a sign of life after which a worker process is replaced. Threads answer beside the sign of life, so
#: that a request that waits on purpose does not count.
timeout = 60
#: Seconds that requests in hand may take to end after SIGTERM. Those that merely wait for a batch end at once.
graceful_timeout = 20
#: A file in the user's home that two servers of one user would fight over; signals do all that is needed.
control_socket_disable = True
#: Gunicorn's own lines go where all lines go. Answers are logged by app.web.tracing, without personal data.
accesslog = None
logconfig_dict = configuration(SETTINGS) | {
    "loggers": {
        **configuration(SETTINGS)["loggers"],
        "gunicorn.error": {"level": SETTINGS.log_level, "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": False},
    },
}


def post_worker_init(worker: Any) -> None:
    """Let requests that wait for a batch be answered as soon as the process is asked to end."""

    def end(number: int, frame: FrameType | None) -> None:
        CLOSING.set()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, end)
    signal.siginterrupt(signal.SIGTERM, False)  # noqa: FBT003  as gunicorn has it: requests in hand go on undisturbed
