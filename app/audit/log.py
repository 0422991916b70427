"""Notes in the audit what no job records: who deleted a profile, who renamed or removed an external_id."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.audit import Action

QUERIES = load_queries("app.audit", "log.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asked for something, and by which request."""

    #: None when nobody's key did.
    api_key_id: UUID | None
    request_id: str | None
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What was done to one profile. A deletion names it by its braze_id alone."""

    braze_id: str | None
    external_id: str | None = None
    new_external_id: str | None = None


def note(tx: Transaction, *, action: Action, asker: Asker, notes: Sequence[Note]) -> None:
    """Add *notes* of one *action* to the audit, in the transaction that has the effect."""
    if not notes:
        return
    rows = [
        {
            "id": str(uuid7()),
            "braze_id": each.braze_id,
            "external_id": each.external_id,
            "new_external_id": each.new_external_id,
        }
        for each in notes
    ]
    parameters = {
        "action": action.value,
        "api_key_id": asker.api_key_id,
        "request_id": asker.request_id,
        "path": asker.path,
        "rows": Jsonb(rows),
    }
    tx.execute(QUERIES["add_entries"], parameters)
