"""Undos for the tests of lanes: accepted in the ledger and delivered without a broker."""

from typing import Any
from uuid import UUID

from app.db.connections import Pool
from app.db.transaction import Transaction
from app.undo import accept
from tests.integration.lane.running import deliver
from tests.support.factories import Factory


def ask_to_undo(factory: Factory, *job_ids: UUID) -> list[UUID]:
    """Accept the undo of jobs in one batch. Return the ids of the new jobs, the undo of the latest merge first."""
    request = accept.UndoRequest(job_ids=job_ids)
    batch = accept.accept_undo(
        Transaction(factory.connection, factory.workspace_id), request, api_key_id=None, path="/undo"
    )
    query = "SELECT id FROM job WHERE workspace_id = %s AND batch_id = %s ORDER BY index"
    return [row["id"] for row in factory.rows(query, batch.batch_id)]


def undo(pool: Pool, factory: Factory, *job_ids: UUID, **settings: Any) -> list[dict[str, Any]]:
    """Undo jobs in one lane. Return the rows of the undos, the undo of the latest merge first."""
    undo_ids = ask_to_undo(factory, *job_ids)
    deliver(pool, factory, undo_ids, **settings)
    return [factory.row(undo_id) for undo_id in undo_ids]


def image(factory: Factory) -> dict[str, list[str]]:
    """Return the exact rows of the profiles, their identifiers and their origins."""
    tables = ("profile", "user_alias", "origin", "redirect", "deprecated_external_id")
    return {
        table: [
            row["row"]
            for row in factory.rows(
                f"SELECT (to_jsonb({table}) - 'absorbed_on' - 'absorbed_count')::text AS row FROM {table}"
                " WHERE workspace_id = %s ORDER BY 1"
            )
        ]
        for table in tables
    }
