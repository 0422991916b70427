"""Finds the workspaces with work on a distributed database, node by node.

On one server, a query over all workspaces finds them. On Citus the same query would ask every shard in every round, and
fail while one node is away. So workspaces announce their work on their node. One query for each node, at most every
LOOK_S seconds, lists the announcements; then a query for each workspace among them lists what it has to do.
Announcements only hasten this: every workspace gets this query every SWEEP_S seconds. A node that does not answer is
left out, with its workspaces, and tried again after RETRY_S seconds. A process with thousands of quiet workspaces asks
them in parts of LOOK_S seconds, so that none of them delays those with work. See docs/adr/0062-work-by-node.md.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from threading import Lock
from time import monotonic
from typing import Any, LiteralString

import psycopg

from app.db.connections import Connection
from app.db.errors import is_unavailable
from app.db.queries import load_queries

log = logging.getLogger(__name__)

QUERIES = load_queries(__package__, "nodes.sql")

#: Seconds between two looks at the announcements of the nodes.
LOOK_S = 0.25
#: Seconds between two questions to a workspace that announced work, that has some and announced none, and to any other.
#: A paused queue has work for days.
ASK_S = 1.0
WAIT_S = 5.0
SWEEP_S = 30.0
#: Seconds for which an announcement counts.
FRESH_S = 20
#: Seconds between two readings of the nodes of the workspaces: they move when shards are rebalanced.
HOMES_S = 10.0
#: Seconds before a node that did not answer gets a query again.
RETRY_S = 5.0


class WorkKind(StrEnum):
    """What a workspace may have to do, as the function list_work returns it."""

    JOBS = "jobs"
    MINUTES = "minutes"
    CANCELLATIONS = "cancellations"
    RUNS = "runs"
    WATCHES = "watches"
    DELIVERIES = "deliveries"
    DUPLICATES = "duplicates"
    RECOMPUTATION = "recomputation"
    ERASURES = "erasures"
    IDENTITIES = "identities"


class WorkFinder:
    """Knows what the workspaces of one distributed database have to do. The threads of a process share it."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        #: The workspaces of each node, and when they were read.
        self._homes: dict[int, list[int]] = {}
        self._read_at = self._looked_at = float("-inf")
        #: What each workspace had to do at the last query, and when that was.
        self._work: dict[int, frozenset[str]] = {}
        self._asked_at: dict[int, float] = {}
        #: The workspaces with an announcement that counts.
        self._fresh: dict[int, frozenset[int]] = {}
        #: When a workspace had no lane to publish.
        self._without_lane: dict[int, float] = {}
        self._away_until: dict[int, float] = {}

    def workspaces(self, connection: Connection, kind: WorkKind) -> list[int]:
        """Return the workspaces with work of a *kind* on the nodes that answer, in order."""
        with self._lock:
            self._look(connection)
            return sorted(each for each, kinds in self._work.items() if kind in kinds)

    def reachable(self, connection: Connection) -> list[int]:
        """Return the workspaces of all nodes that answer, in order."""
        with self._lock:
            self._look(connection)
            return sorted(each for node, homes in self._homes.items() if not self._is_away(node) for each in homes)

    def counts(self, connection: Connection, *, bound: int, limit: int) -> list[dict[str, Any]]:
        """Return what count_work finds for up to *limit* workspaces of the nodes that answer, those with jobs first."""
        with self._lock:
            self._look(connection)
            homes = [(node, each) for node, own in self._homes.items() if not self._is_away(node) for each in own]
            homes.sort(key=lambda home: (WorkKind.JOBS not in self._work.get(home[1], ()), home[1]))
            rows = []
            for node, workspace_id in homes[:limit]:
                parameters = {"workspace_id": workspace_id, "bound": bound}
                found = None if self._is_away(node) else self._ask(connection, node, QUERIES["count_work"], parameters)
                if found is not None:
                    rows.append({"workspace_id": workspace_id, **found})
            return rows

    def due_lanes(self, connection: Connection) -> list[tuple[int, bool, bool]]:
        """Return the workspaces with a lane to publish now: id, whether it has a limit, whether the lane is urgent.

        A workspace without such a lane gets its next query after LOOK_S seconds, or ASK_S if it announces no work.
        """
        with self._lock:
            self._look(connection)
            now, found = self._clock(), list[tuple[int, bool, bool]]()
            for node, homes in self._homes.items():
                for workspace_id in homes:
                    if WorkKind.JOBS not in self._work.get(workspace_id, ()) or self._is_away(node):
                        continue
                    pause_s = LOOK_S if workspace_id in self._fresh.get(node, ()) else ASK_S
                    if now < self._without_lane.get(workspace_id, float("-inf")) + pause_s:
                        continue
                    lane = self._ask(connection, node, QUERIES["find_due_lane"], {"workspace_id": workspace_id})
                    if lane is None:
                        self._without_lane[workspace_id] = now
                        continue
                    found.append((workspace_id, bool(lane[0]), bool(lane[1])))
            return sorted(found)

    def _look(self, connection: Connection) -> None:
        now = self._clock()
        if now < self._looked_at + LOOK_S:
            return
        self._looked_at = now
        if now >= self._read_at + HOMES_S:
            self._read_homes(connection)
            self._read_at = now
        for node, homes in self._homes.items():
            if not self._is_away(node):
                self._look_at(connection, node, homes)
            if self._is_away(node):
                self._forget(homes)

    def _read_homes(self, connection: Connection) -> None:
        homes: dict[int, list[int]] = {}
        for row in connection.execute(QUERIES["list_homes"]):
            homes.setdefault(row["node"], []).append(row["workspace_id"])
        left = {each for own in self._homes.values() for each in own} - {each for own in homes.values() for each in own}
        self._forget(left)
        self._homes = homes

    def _forget(self, workspace_ids: Iterable[int]) -> None:
        for workspace_id in workspace_ids:
            self._work.pop(workspace_id, None)
            self._asked_at.pop(workspace_id, None)

    def _look_at(self, connection: Connection, node: int, homes: Sequence[int]) -> None:
        """List the announcements of a node, and ask those of its workspaces whose turn it is, those with work first."""
        announced = self._ask(
            connection, node, QUERIES["list_announcements"], {"workspace_id": homes[0], "seconds": FRESH_S}
        )
        if announced is None:
            return
        now, fresh = self._clock(), frozenset(announced)
        self._fresh[node] = fresh
        due = [each for each in homes if now >= self._last_asked(each) + self._pause_s(each, fresh)]
        for workspace_id in sorted(due, key=lambda each: (self._pause_s(each, fresh), self._last_asked(each))):
            if workspace_id not in fresh and self._clock() > now + LOOK_S:
                return
            found = self._ask(connection, node, QUERIES["list_work"], {"workspace_id": workspace_id})
            if found is None:
                return
            self._work[workspace_id] = frozenset(found)
            self._asked_at[workspace_id] = now

    def _pause_s(self, workspace_id: int, fresh: frozenset[int]) -> float:
        if workspace_id in fresh:
            return ASK_S
        return WAIT_S if self._work.get(workspace_id) else SWEEP_S

    def _last_asked(self, workspace_id: int) -> float:
        return self._asked_at.get(workspace_id, float("-inf"))

    def _ask(self, connection: Connection, node: int, query: LiteralString, parameters: Mapping[str, object]) -> Any:
        """Return the column `found`; None when the node does not answer, which is left out from then on."""
        try:
            (row,) = connection.execute(query, parameters).fetchall()
        except psycopg.Error as error:
            if connection.broken or not is_unavailable(error):
                raise
            log.warning("node_away", extra={"node": node, "sqlstate": error.sqlstate})
            self._away_until[node] = self._clock() + RETRY_S
            return None
        if self._away_until.pop(node, None) is not None:
            log.info("node_back", extra={"node": node})
        return row["found"]

    def _is_away(self, node: int) -> bool:
        return self._clock() < self._away_until.get(node, float("-inf"))


class WorkFinders:
    """The finder of each distributed database of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._finders: dict[tuple[str, str], WorkFinder] = {}

    def of(self, connection: Connection) -> WorkFinder | None:
        """Return the finder for the database of *connection*, or None when its tables are not distributed."""
        if not connection.is_distributed:
            return None
        # Servers in DATABASE_URL lead to the same nodes.
        key = (connection.info.dbname, connection.info.get_parameters().get("port", ""))
        with self._lock:
            return self._finders.setdefault(key, WorkFinder())


FINDERS = WorkFinders()


def find_workspaces_with(connection: Connection, kind: WorkKind, query: LiteralString) -> list[int]:
    """Return the workspaces that may have work of a *kind*: by *query*, or on Citus by node."""
    finder = FINDERS.of(connection)
    if finder is not None:
        return finder.workspaces(connection, kind)
    return [row["workspace_id"] for row in connection.execute(query)]
