"""Entries of the audit, built from the rows of jobs and of events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.audit.recorded_changes import changes_of_record
from app.audit.snapshots import (
    NO_SNAPSHOTS,
    Snapshots,
    snapshots_of_external_id,
    snapshots_of_merge,
    snapshots_of_profile,
    snapshots_of_undo,
)
from app.ledger.profile_ref import ProfileRef
from schemas.audit import Action, Place
from schemas.outcomes import Outcome

Row = Mapping[str, Any]

#: The action of a job by its outcome; jobs with other outcomes changed nothing.
ACTIONS: Mapping[Outcome, Action] = {
    Outcome.MERGED: Action.MERGE,
    Outcome.IDENTIFIED: Action.IDENTIFY,
    Outcome.UNDONE: Action.UNDO,
    Outcome.UNDONE_IN_PART: Action.UNDO,
}
#: Actions, on one profile, the queue or a run, whose entries have the changed fields.
WITH_CHANGES = frozenset(
    {
        Action.CONSENT,
        Action.EXCLUDE,
        Action.ALLOW,
        Action.ERASURE,
        Action.PAUSE,
        Action.RESUME,
        Action.LIMIT,
        Action.CANCEL,
        Action.RUN,
        Action.PLAN,
    }
)
#: Bits of a UUIDv7 after its milliseconds.
BITS_AFTER_TIME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryKey:
    """The API key of an entry."""

    id: UUID
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One action: its time, its key, and its profiles."""

    id: UUID
    action: Action
    #: When it took effect.
    at: datetime
    #: None when the action has no key.
    key: EntryKey | None
    path: str
    request_id: str | None = None
    batch_id: UUID | None = None
    outcome: Outcome | None = None
    #: Of a merge or its undo.
    orphan: ProfileRef | None = None
    survivor: ProfileRef | None = None
    #: Of an action on one profile.
    profile: ProfileRef | None = None
    #: Of consent: the profile for which a request set the states; None if the profile took over an address.
    #: Of an exclusion: the other profile of the pair.
    source: ProfileRef | None = None
    undoes: UUID | None = None
    undone_by: UUID | None = None
    not_restored: Sequence[Row] | None = None
    #: Whether one of its people was deleted since; then identifiers and snapshots are missing.
    erased: bool = False
    snapshots: Snapshots = NO_SNAPSHOTS

    @property
    def requested_at(self) -> datetime:
        """The time of its request by PostgreSQL's clock, from its id; entries are in the order of their ids."""
        return datetime.fromtimestamp((self.id.int >> BITS_AFTER_TIME) / 1000, UTC)

    @property
    def job_id(self) -> UUID | None:
        """The job of the action; None when it is no job."""
        return self.id if self.batch_id else None

    @property
    def place(self) -> Place:
        """The cursor of a page that ends with this entry."""
        return self.batch_id or self.id, self.id

    @property
    def changes(self) -> Sequence[Row]:
        """The changed fields: `[{field, before, after, rule}]`."""
        return self.snapshots.changes

    @property
    def before(self) -> Row:
        """Each profile before the action."""
        return self.snapshots.before

    @property
    def after(self) -> Row:
        """Each profile after the action."""
        return self.snapshots.after


def entry_of_job(row: Row, *, with_snapshots: bool) -> AuditEntry:
    """Return the entry of a job."""
    outcome = Outcome(row["outcome"])
    action = ACTIONS[outcome]
    orphan, survivor = ProfileRef.from_row(row, "orphan_"), ProfileRef.from_row(row, "survivor_")
    alone = action is Action.IDENTIFY
    return AuditEntry(
        id=row["id"],
        action=action,
        at=row["at"],
        key=_key(row),
        path=row["path"],
        batch_id=row["batch_id"],
        outcome=outcome,
        orphan=None if alone else orphan,
        survivor=None if alone else survivor,
        profile=survivor or orphan if alone else None,
        undoes=row["undoes"],
        undone_by=row["undone_by"],
        not_restored=row["not_restored"],
        erased=row["erased"],
        snapshots=_snapshots(action, row) if with_snapshots and not row["erased"] else NO_SNAPSHOTS,
    )


def entry_of_event(row: Row, *, with_snapshots: bool) -> AuditEntry:
    """Return the entry of an event, an action that is no job."""
    action = Action(row["action"])
    erased = row["changes" if action in WITH_CHANGES else "external_id"] is None
    return AuditEntry(
        id=row["id"],
        action=action,
        at=row["at"],
        key=_key(row),
        path=row["path"],
        request_id=row["request_id"],
        profile=ProfileRef.from_row(row),
        source=_source(row),
        erased=erased,
        snapshots=_snapshots_of_event(action, row) if with_snapshots and not erased else NO_SNAPSHOTS,
    )


def _snapshots_of_event(action: Action, row: Row) -> Snapshots:
    if action in WITH_CHANGES:
        return snapshots_of_profile(row["changes"])
    field = "external_id" if action is Action.RENAME else "deprecated_external_id"
    return snapshots_of_external_id(field, row["external_id"], row["new_external_id"])


def _snapshots(action: Action, row: Row) -> Snapshots:
    match action:
        case Action.MERGE:
            return snapshots_of_merge(
                orphan=row["orphan_before"], survivor=row["survivor_before"], changes=changes_of_record(row)
            )
        case Action.IDENTIFY:
            return snapshots_of_external_id("external_id", None, row["survivor_external_id"])
        case _:
            return snapshots_of_undo(row["changes"])


def _source(row: Row) -> ProfileRef | None:
    braze_id = row["source_braze_id"]
    return None if braze_id is None else ProfileRef(braze_id=braze_id, external_id=None)


def _key(row: Row) -> EntryKey | None:
    return None if row["api_key_id"] is None else EntryKey(id=row["api_key_id"], label=row["label"])
