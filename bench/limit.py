"""The limit: set-based SQL that writes the rows of the product's merges, without Python between the statements.

Fifty pairs are accepted in one transaction and merged in the next, on as many connections as the product has workers.
This measures the cost of the rows alone. It reads no requests, resolves no identifiers, and delivers nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import perf_counter

import psycopg

from app.db.connections import Connection
from app.db.queries import load_queries
from bench.contenders import Contender
from bench.world import BATCH, ORPHAN, SURVIVOR, WORKSPACE_ID, first_id, run_statement

#: Connections: as many as the product has workers.
CONNECTIONS = 2
QUERIES = load_queries("bench", "limit.sql")


class Limit(Contender):
    """Set-based SQL on CONNECTIONS connections."""

    name = "limit"
    _connections: list[Connection]
    _first: int
    _count: int

    def prepare(self, connection: Connection, *, warm: int, count: int) -> None:
        """Write the pairs, and merge *warm* pairs, which are not measured."""
        connection.execute(QUERIES["make_limit"], prepare=False)
        rooms = {"orphan_room": first_id(ORPHAN), "survivor_room": first_id(SURVIVOR)}
        span = {**self.world.span, "count": warm + count}
        run_statement(connection, QUERIES["plant_pairs"], {**rooms, **span})
        connection.execute("VACUUM ANALYZE bench_pair", prepare=False)
        self._connections = [self.ground.connect(self.database) for _ in range(CONNECTIONS)]
        for each in self._connections:
            each.execute(QUERIES["settle_plans"], prepare=False)
        self._run(first=0, count=warm)
        self._first, self._count = warm, count

    def merge(self) -> float:
        """Merge the measured pairs; return the seconds until the last connection has finished."""
        return self._run(first=self._first, count=self._count)

    def stop(self) -> None:
        """Close the connections."""
        for each in self._connections:
            with suppress(psycopg.Error):
                each.close()

    def _run(self, *, first: int, count: int) -> float:
        """Merge *count* pairs from number *first* on, an equal part on each connection; return the seconds."""
        part = max(1, -(-count // (CONNECTIONS * BATCH))) * BATCH
        starts = range(first, first + count, part)
        began = perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            runs = [
                threads.submit(_run_part, connection, start, min(part, first + count - start))
                for connection, start in zip(self._connections, starts, strict=False)
            ]
            for each in runs:
                each.result()
        return perf_counter() - began


def _run_part(connection: Connection, first: int, count: int) -> None:
    run_statement(connection, QUERIES["run_limit"], {"workspace_id": WORKSPACE_ID, "first": first, "count": count})
