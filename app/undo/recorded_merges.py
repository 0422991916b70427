"""Read merges from the audit: both profiles before the merge, and the changes that it made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.audit.recorded_changes import changes_of_record, read_changes
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.side_by_side import ComparedField, compare_merge
from app.profiles.snapshots import groups_from_snapshot, profile_from_snapshot
from app.undo.reversal import RecordedMerge

QUERIES = load_queries("app.undo", "recorded_merges.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedComparison:
    """The changes that a job made to its survivor, and all fields of both profiles side by side."""

    #: `[{field, before, after, rule}]`
    changes: Sequence[dict[str, Any]]
    #: None if the job was no merge, or if the snapshots of the profiles were erased.
    rows: Sequence[ComparedField] | None


def read_recorded_merges(tx: Transaction, *, job_ids: Sequence[UUID]) -> dict[UUID, RecordedMerge]:
    """Return the merges of the jobs *job_ids*, without jobs that have no audit or whose snapshots were erased."""
    return {
        row["job_id"]: RecordedMerge(
            survivor=profile_from_snapshot(row["survivor_before"]),
            orphan=profile_from_snapshot(row["orphan_before"]),
            at=row["merged_at"],
            changes=changes_of_record(row),
            groups=groups_from_snapshot(row["survivor_before"]),
            version=row["rules"],
        )
        for row in tx.execute(QUERIES["read_merge_snapshots"], {"job_ids": list(job_ids)})
    }


def compare_recorded_merge(tx: Transaction, *, job_id: UUID) -> RecordedComparison:
    """Return the changes of the job *job_id*; they are empty if it changed nothing."""
    changed = read_changes(tx, job_id=job_id)
    merge = read_recorded_merges(tx, job_ids=[job_id]).get(job_id)
    if merge is None:
        return RecordedComparison(changes=changed, rows=None)
    rows = compare_merge(orphan=merge.orphan, survivor=merge.survivor, changed=changed)
    return RecordedComparison(changes=changed, rows=rows)
