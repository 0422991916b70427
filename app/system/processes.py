"""The processes of the installation, read from their heartbeats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

import psycopg
from psycopg.rows import DictRow

from app.system.heartbeats import EVERY_S, QUERIES
from schemas.system import BrokerState, ProcessKind, ProcessState

#: Seconds without a heartbeat after which a process counts as lost: three heartbeats are missing.
LOST_AFTER_S = 3.5 * EVERY_S
#: The most processes that are listed.
MAX_PROCESSES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that was seen within the last hour."""

    kind: str
    name: str
    host: str
    pid: int
    version: str
    schema_version: str
    #: "reachable", or the cause for which the process waits for the broker; None if it uses none.
    broker_state: str | None
    started_at: datetime
    seen_at: datetime
    silent_s: float

    @property
    def state(self) -> ProcessState:
        """Whether its heartbeats arrive."""
        return ProcessState.LOST if self.silent_s > LOST_AFTER_S else ProcessState.RUNNING

    @property
    def broker(self) -> BrokerState | None:
        """Whether it reaches the broker; None if it uses none."""
        if self.broker_state is None:
            return None
        return BrokerState.REACHABLE if self.broker_state == BrokerState.REACHABLE else BrokerState.AWAY

    @property
    def broker_cause(self) -> str | None:
        """Why it waits for the broker: `no_answer`, or the first word of an error reply; None if it does not."""
        return self.broker_state if self.broker is BrokerState.AWAY else None


def list_processes(connection: psycopg.Connection[DictRow], *, limit: int = MAX_PROCESSES) -> Sequence[Process]:
    """List the processes of the last hour by kind, name, host and number."""
    rows = connection.execute(QUERIES["list_processes"], {"limit": limit})
    return sorted((Process(**row) for row in rows), key=attrgetter("kind", "name", "host", "pid"))


def running(processes: Sequence[Process], kind: ProcessKind) -> list[Process]:
    """Return the processes of *kind* whose heartbeats are not missing."""
    return [process for process in processes if process.kind == kind and process.state is ProcessState.RUNNING]
