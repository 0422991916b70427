"""Lanes of one job, run in this process and timed: what a merge costs in itself, without door, relay and broker."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db import Connection, Pool, open_pool
from app.lane.run import Lane, run
from bench.contenders import last_outcome_at
from bench.ground import Ground
from bench.world import WORKSPACE_ID, run_query

Wire = Mapping[str, Any]


class Lanes:
    """Runs lanes on one database, on connections as workers open them."""

    def __init__(self, connection: Connection, pool: Pool, settings: Settings) -> None:
        self.connection = connection
        self._pool = pool
        self._settings = settings

    def merge(self, *, orphan: Wire, survivor: Wire) -> float:
        """Merge *orphan* into *survivor*; return the seconds that the lane took. How it ended is checked later."""
        job_id = uuid7()
        values = {"id": job_id, "batch_id": uuid7(), "orphan": Jsonb(orphan), "survivor": Jsonb(survivor)}
        run_query(self.connection, "plant_job", {"workspace_id": WORKSPACE_ID, **values})
        lane = Lane(workspace_id=WORKSPACE_ID, job_ids=[job_id], task_id=uuid7())
        began = perf_counter()
        run(self._pool, self._settings, lane)
        return perf_counter() - began


@contextmanager
def lanes(ground: Ground, database: str) -> Iterator[Lanes]:
    """Lend a runner of lanes on *database*; at the end every job must have been merged. Raises BenchError."""
    settings = Settings(database_url=ground.url(database))
    with open_pool(settings, name="bench") as pool, ground.connect(database) as connection:
        ground.checkpoint()
        yield Lanes(connection, pool, settings)
        last_outcome_at(connection)


def customer(number: int) -> Wire:
    """Return the identifier of the survivor *number*."""
    return {"external_id": f"customer-{number}"}
