"""The heartbeat of a process: a row in PostgreSQL that it renews every EVERY_S seconds.

Web does not use the broker, and no process knows the others. From these rows web says which processes run, and whether
the relay and the workers reach the broker. See docs/adr/0050-heartbeats-and-sums.md.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import metadata
from threading import Event, Thread
from typing import Any

import psycopg

from app.config import Settings
from app.db.connections import Connection
from app.db.errors import to_unavailable
from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.schema_version import required_revision
from app.errors import DatabaseUnavailable
from app.keys.digests import pepper_fingerprint
from app.metrics.servers import broker_cause
from schemas.system import BrokerState

log = logging.getLogger(__name__)

QUERIES = load_queries("app.system", "heartbeats.sql")
#: Seconds between two heartbeats.
EVERY_S = 10.0
#: Heartbeats between two deletions of old rows: an hour.
BEATS_PER_PRUNING = 360
#: Seconds that the end of a process waits for a heartbeat in progress.
END_S = 2.0

Lend = Callable[[], AbstractContextManager[Connection]]


class Heartbeat(Thread):
    """Writes the heartbeat of this process until it is closed."""

    def __init__(self, kind: str, settings: Settings, lend: Lend, *, name: str = "", uses_broker: bool = False) -> None:
        """Write over the connections that *lend* lends. Without a *name*, the process has that of its *kind*."""
        super().__init__(name="heartbeat", daemon=True)
        self._lend = lend
        self._uses_broker = uses_broker
        self._process: dict[str, Any] = {
            "id": new_id(),
            "kind": kind,
            "name": name or kind,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": metadata.version("mergelane"),
            "schema_version": required_revision(),
            "cell": settings.cell or None,
            "key_peppers": [pepper_fingerprint(pepper) for pepper in settings.key_pepper],
            "webhook_peppers": [pepper_fingerprint(pepper) for pepper in settings.webhook_pepper],
        }
        self._closed = Event()
        self._beats = 0
        self._reason = ""

    def run(self) -> None:
        """Write a heartbeat every EVERY_S seconds."""
        while not self._closed.is_set():
            self.beat()
            self._closed.wait(EVERY_S)

    def beat(self) -> None:
        """Write one heartbeat. While PostgreSQL is away or refuses, log the cause once."""
        try:
            with self._lend() as connection:
                connection.execute(QUERIES["beat"], {**self._process, "broker_state": self._broker_state()})
                if self._beats % BEATS_PER_PRUNING == 0:
                    connection.execute(QUERIES["prune_heartbeats"], self._process)
        except (DatabaseUnavailable, psycopg.Error) as error:
            self._wait(str(to_unavailable(error) if isinstance(error, psycopg.Error) else error))
            return
        self._beats += 1
        if self._reason:
            log.info("heartbeat_resumed")
        self._reason = ""

    def close(self) -> None:
        """Stop, and delete the row, since the process ends. A forked child leaves the row of its parent."""
        if os.getpid() != self._process["pid"]:
            return
        self._closed.set()
        if self.is_alive():
            self.join(END_S)
        # The row of a process that could not delete it is deleted when it is old.
        with suppress(DatabaseUnavailable, psycopg.Error), self._lend() as connection:
            connection.execute(QUERIES["delete_heartbeat"], self._process)

    def _broker_state(self) -> str | None:
        """Return "reachable", or the cause for which this process waits for the broker; None if it uses none."""
        return (broker_cause() or BrokerState.REACHABLE) if self._uses_broker else None

    def _wait(self, reason: str) -> None:
        if reason != self._reason:
            log.warning("heartbeat_waiting", extra={"reason": reason})
        self._reason = reason


@contextmanager
def write_heartbeat(kind: str, settings: Settings, lend: Lend, *, uses_broker: bool = False) -> Iterator[None]:
    """Write the heartbeat of this process until the block ends."""
    heartbeat = Heartbeat(kind, settings, lend, uses_broker=uses_broker)
    heartbeat.start()
    try:
        yield
    finally:
        heartbeat.close()
