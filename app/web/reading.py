"""Who may read the values of profiles. All routes that show values beside something else ask here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import g

from app.db.transaction import Transaction
from app.keys.permissions import READING
from app.lane.preview import PreviewResult
from app.ledger.queries import Job
from app.profiles.names import ProfileNames, read_names

#: The members of a change that are values.
VALUES = frozenset({"before", "after"})


def may_read_values() -> bool:
    """Return whether the key of this request may read attributes, addresses and activity of profiles."""
    return any(map(g.may, READING))


def visible_changes(changes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return *changes*, without their values if the key may not read them: the fields and rules remain."""
    hidden = frozenset() if may_read_values() else VALUES
    return [{name: value for name, value in change.items() if name not in hidden} for change in changes]


def visible_preview(preview: PreviewResult) -> PreviewResult:
    """Return *preview* with its visible changes."""
    return replace(preview, changes=visible_changes(preview.changes))


def visible_names(tx: Transaction, jobs: Sequence[Job]) -> ProfileNames:
    """Return the names of the profiles of *jobs*, with one query for all of them; none if the key may not read them."""
    if not may_read_values():
        return ProfileNames()
    sides = [side for job in jobs for side in (job.orphan, job.survivor) if side is not None]
    unresolved = [
        identifier
        for job in jobs
        for identifier, side in ((job.orphan_identifier, job.orphan), (job.survivor_identifier, job.survivor))
        if side is None
    ]
    return read_names(
        tx,
        braze_ids={side.braze_id for side in sides},
        external_ids={each["external_id"] for each in unresolved if isinstance(each.get("external_id"), str)},
    )
