"""What a merge on record did, with both profiles as they were before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.db.transaction import Transaction
from app.ledger.queries import read_changes
from app.merging.side_by_side import Row, side_by_side
from app.undo.target import absorptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a job changed on the survivor, and the whole of both profiles where that is on record."""

    #: `[{field, before, after, rule}]`
    changes: Sequence[dict[str, Any]]
    #: None for what was no merge, or when what the profiles were was erased.
    rows: Sequence[Row] | None


def compare(tx: Transaction, *, job_id: UUID) -> Comparison:
    """Return what the job *job_id* did; nothing but empty lists when it changed nothing."""
    changed = read_changes(tx, job_id=job_id)
    found = absorptions(tx, job_ids=[job_id]).get(job_id)
    if found is None:
        return Comparison(changes=changed, rows=None)
    rows = side_by_side(orphan=found.orphan, survivor=found.survivor, changed=changed, rules=found.rules)
    return Comparison(changes=changed, rows=rows)
