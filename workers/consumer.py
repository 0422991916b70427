"""Celery's consumer, which acts on messages of the relay alone, and waits for the broker.

It logs once that it waits, with the cause, and once that it works again.

Celery logs every failed attempt with the error's text, restarts several times a second when the broker accepts
connections but refuses commands, and pauses up to 30 seconds when it does not answer.
"""

import logging
import warnings
from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any, ClassVar

from celery.exceptions import CPendingDeprecationWarning
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from app.metrics.servers import Wait
from workers.broker_errors import to_broker_unavailable
from workers.messages import (
    LANE_TASK,
    NO_HEADERS,
    NO_JSON,
    NO_LANE,
    MessageRefused,
    check_lane_message,
    log_refusal,
    refuse_compression,
)

log = logging.getLogger(__name__)

#: Seconds before the first further attempt to connect, by which the pause grows, and the longest pause.
RETRY_S = 0.5
LONGEST_RETRY_S = 1.0
#: Seconds that a consumer must work before it counts as resumed.
RESUMED_AFTER_S = 1.0
#: Seconds for which the same error of a timer is not logged again.
REPEATED_S = 60.0


#: With quorum queues Celery declares 28 queues for tasks that start later, at the start of each worker. Mergelane has
#: no such tasks: the ledger decides when a job is due.
UNUSED_STEP = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


class WaitingConsumer(Consumer):
    """Consumes messages; waits while the broker is away or refuses."""

    class Blueprint(Consumer.Blueprint):
        """The steps by which it starts."""

        default_steps: ClassVar[list[str]] = [step for step in Consumer.Blueprint.default_steps if step != UNUSED_STEP]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._wait = Wait()
        self._resumption: Any = None
        refuse_compression()
        super().__init__(*arguments, **options)

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
        """Return the function that receives each message: it acts on lanes as the relay publishes them."""
        handle = super().create_task_handler(*arguments, **options)
        longest_pause_s = self.app.tasks[LANE_TASK].retry_backoff_max

        def receive(message: Any) -> Any:
            try:
                check_lane_message(message, longest_pause_s=longest_pause_s)
            except MessageRefused as refused:
                return self._drop(message, str(refused))
            return handle(message)

        return receive

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Drop a message that cannot be decoded. Celery would log what it contains."""
        self._drop(message, str(exc) if isinstance(exc, MessageRefused) else NO_JSON)

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002  Celery's signature
        """Drop a message without the headers of a task."""
        self._drop(message, NO_HEADERS)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002  as above
        """Drop a message of another task."""
        self._drop(message, NO_LANE)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002  as above
        """Drop a message whose headers Celery refuses."""
        self._drop(message, NO_HEADERS)

    def _drop(self, message: Any, reason: str) -> None:
        log_refusal(reason)
        message.reject_log_error(log, self.connection_errors)

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, with pauses that stay short: a broker that is back is used within seconds."""
        connected = conn.ensure_connection(
            lambda error, _: self._begin_wait(error),
            self.app.conf.broker_connection_max_retries,
            interval_start=RETRY_S,
            interval_step=RETRY_S,
            interval_max=LONGEST_RETRY_S,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        return connected

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Wait before the next attempt."""
        self._begin_wait(exc)
        Event().wait(RETRY_S)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Close the connection as Celery does, and wait before the next one."""
        self._begin_wait(exc)
        with _quiet, warnings.catch_warnings(action="ignore", category=CPendingDeprecationWarning):
            super().on_connection_error_after_connected(exc)
        Event().wait(RETRY_S)

    def on_ready(self) -> None:
        """Count as resumed once the consumer has worked for a while."""
        super().on_ready()
        if self._wait.is_on:
            self._resumption = self.timer.call_after(RESUMED_AFTER_S, self._resume)

    def _begin_wait(self, error: Exception) -> None:
        if self._resumption is not None:
            self._resumption.cancel()
        unavailable = to_broker_unavailable(error, "does not take the worker's commands")
        if self._wait.begin(unavailable):
            log.warning("service_waiting", extra={"service": "worker", "reason": str(unavailable)})

    def _resume(self) -> None:
        if self._wait.end():
            log.info("service_resumed", extra={"service": "worker"})


class _Quiet(logging.Filter):
    """Drops the lines of a logger inside a `with` block."""

    def __init__(self) -> None:
        super().__init__()
        self._is_on = False

    def __enter__(self) -> None:
        self._is_on = True

    def __exit__(self, *_: object) -> None:
        self._is_on = False

    def filter(self, record: logging.LogRecord) -> bool:
        return not self._is_on or record.levelno >= logging.ERROR


class RepeatFilter(logging.Filter):
    """Drops a line whose message and error are those of another line of the last REPEATED_S seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._logged: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.msg, record.exc_info and record.exc_info[0])
        now, last = monotonic(), self._logged.get(kind)
        if last is not None and now - last < REPEATED_S:
            return False
        self._logged[kind] = now
        return True


_quiet = _Quiet()


def quiet_celery() -> None:
    """Let Celery log neither what this consumer logs itself, nor the same error of a timer every second."""
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_quiet)
    logging.getLogger("kombu.asynchronous.hub").addFilter(RepeatFilter())
    # Anyone who reaches the broker can cause these lines.
    for name in ("kombu.transport.redis", "workers.messages"):
        logging.getLogger(name).addFilter(RepeatFilter())
