"""Reads the changes of recorded merges as the web server does."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Json

from app.audit.recorded_changes import read_changes
from app.db.transaction import Transaction
from tests.support.factories import Factory
from tests.support.unguarded import unguarded


def recorded_changes(factory: Factory, job_id: UUID) -> list[dict[str, Any]]:
    """Return the changes of the job *job_id*."""
    return list(read_changes(Transaction(factory.connection, factory.workspace_id), job_id=job_id))


def store_changes(factory: Factory, job_id: UUID) -> None:
    """Change the record of the job *job_id* to the format of an older version, which stored the changes."""
    query = "UPDATE merge_record SET changes = %s, rules = NULL WHERE workspace_id = %s AND job_id = %s"
    changes = Json(recorded_changes(factory, job_id))
    with unguarded(factory.connection):
        factory.connection.execute(query, [changes, factory.workspace_id, job_id])
