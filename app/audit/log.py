"""Writes the audit of actions that are no jobs: deletions, changed external_ids, consent, excluded pairs and runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.audit import Action

QUERIES = load_queries("app.audit", "log.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The API key and the request of an action."""

    #: None when the action has no key.
    api_key_id: UUID | None
    request_id: str | None
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One action on one profile. A deletion records its braze_id only."""

    braze_id: str | None
    external_id: str | None = None
    new_external_id: str | None = None
    #: The profile that the consent was set for, if it is another one; the other profile of an excluded pair.
    source_braze_id: str | None = None
    #: The changed consent, or the exclusion: `[{field, before, after, rule}]`.
    changes: Sequence[Mapping[str, Any]] | None = None


def log_events(tx: Transaction, *, action: Action, actor: Actor, events: Sequence[AuditEvent]) -> None:
    """Add *events* of one *action* to the audit, in the transaction of their effect."""
    if not events:
        return
    rows = [{"id": str(new_id()), **asdict(each)} for each in events]
    parameters = {
        "action": action.value,
        "api_key_id": actor.api_key_id,
        "request_id": actor.request_id,
        "path": actor.path,
        "rows": Jsonb(rows),
    }
    tx.execute(QUERIES["add_entries"], parameters)
