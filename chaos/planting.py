"""Planting: write invalid jobs, which no request can create, directly into the ledger."""

from threading import Event
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.db.queries import load_queries
from chaos.errors import ChaosError
from chaos.families import Batch
from chaos.installation import WORKSPACE, Installation

QUERIES = load_queries("chaos", "planting.sql")
#: Seconds between two tries while PostgreSQL is unavailable.
PAUSE_S = 0.2


def plant(installation: Installation, batch: Batch) -> UUID:
    """Write *batch* into the ledger and return its id; retry until PostgreSQL has committed it."""
    batch_id, pause = uuid7(), Event()
    jobs = [
        {
            "id": str(uuid7()),
            "index": index,
            "orphan": update["identifier_to_merge"],
            "survivor": update["identifier_to_keep"],
        }
        for index, update in enumerate(batch.body["merge_updates"])
    ]
    parameters = {"workspace": WORKSPACE, "batch_id": batch_id, "jobs": Jsonb(jobs)}
    while not installation.keeper.ended:
        try:
            with installation.connect() as connection, connection.transaction():
                connection.execute(QUERIES["plant_batch"], parameters)
                connection.execute(QUERIES["plant_jobs"], parameters)
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
            pause.wait(PAUSE_S)
        else:
            return batch_id
    raise ChaosError("The run has failed.")
