"""The changes of merges: computed from snapshots and the version of the rules, or stored by an older Mergelane."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.merge import changes_of_merge
from app.profiles.snapshots import groups_from_snapshot, recorded_profile

QUERIES = load_queries("app.audit", "recorded_changes.sql")

Changes = Sequence[dict[str, Any]]


def read_changes(tx: Transaction, *, job_id: UUID) -> Changes:
    """Return the changes of a job on its survivor, `[{field, before, after, rule}]`; empty when it merged nothing."""
    row = tx.execute(QUERIES["read_changes"], {"job_id": job_id}).fetchone()
    return () if row is None else changes_of_record(row)


def changes_of_record(row: Mapping[str, Any]) -> Changes:
    """Return the changes of the merge in *row*.

    Raises UnknownRulesError when a newer version of Mergelane has made it. A record that was erased, and one from
    before versions, has its changes.
    """
    stored: Changes | None = row["changes"]
    if stored is not None:
        return stored
    survivor, orphan = row["survivor_before"], row["orphan_before"]
    return changes_of_merge(
        row["rules"],
        survivor=recorded_profile(survivor),
        orphan=recorded_profile(orphan),
        at=row["merged_at"],
        groups=groups_from_snapshot(survivor),
    )
